"""Log streams of one run."""

from __future__ import annotations

import boto3

from tests.unit.stratos.cli.stack_contents import put_run, run, streams


def test_streams_of_an_endpoint_from_a_later_run_stay(kept):
    put_run(kept, "r-2", started_at="2026-11-25T08:00:00+00:00")  # its streams are of now
    run("delete", "r-1", "--objects")
    assert "AllTraffic/i-1" in streams()


def test_streams_of_a_run_whose_id_begins_alike_are_another_runs(kept):
    put_run(kept, "r-1-distill")
    run("delete", "r-1", "--objects")
    assert "r-1-distill-a0-0/algo-1" in streams()


def test_streams_of_an_endpoint_of_the_runs_own_go_with_it_and_no_others(kept):
    logs = boto3.client("logs")
    for name in ("stratos-r-1-a0", "stratos-r-1-a1234567-a0"):  # the second is of another run
        group = f"/aws/sagemaker/Endpoints/{name}"
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName=f"AllTraffic/{name}")
    run("delete", "r-1", "--objects")
    assert "AllTraffic/stratos-r-1-a0" not in streams()
    assert "AllTraffic/stratos-r-1-a1234567-a0" in streams()
