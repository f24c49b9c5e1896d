"""Log streams of one run."""

from __future__ import annotations

from tests.unit.stratos.cli.stack_contents import put_run, run, streams


def test_streams_of_an_endpoint_from_a_later_run_stay(kept):
    put_run(kept, "r-2", started_at="2026-11-25T08:00:00+00:00")  # its streams are of now
    run("delete", "r-1", "--objects")
    assert "AllTraffic/i-1" in streams()


def test_streams_of_a_run_whose_id_begins_alike_are_another_runs(kept):
    put_run(kept, "r-1-distill")
    run("delete", "r-1", "--objects")
    assert "r-1-distill-a0-0/algo-1" in streams()
