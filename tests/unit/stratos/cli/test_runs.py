"""Runs as the command line lists them."""

from __future__ import annotations

import json

import pytest

from stratos.cli.runs import find_run, latest_progress, list_runs
from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import Progress
from stratos.errors import (
    RunNotFound,
)
from tests.unit.stratos.cli.stack_contents import STARTED, put_queue, put_run, run


def test_a_run_that_waits_says_since_when_and_until_when(stack):
    times = {"awaiting_approval_since": STARTED, "approve_by": "2026-11-27T08:00:00+00:00"}
    put_run(stack, "r-1", status="running", task_token="t-secret", **times)
    code, out = run("runs", "--json")
    (row,) = json.loads(out)
    assert code == 0
    assert {name: row[name] for name in times} == times
    assert "t-secret" not in out


def test_an_unknown_run_names_those_there_are(stack):
    put_run(stack, "tiles-1a2b3c4d")
    for meant in ("tiles", "tiles-1a2b3c4e", "tile-1a2b3c4d"):
        with pytest.raises(RunNotFound, match=f"no run '{meant}'; did you mean tiles-1a2b3c4d"):
            find_run(stack, meant)
    with pytest.raises(RunNotFound, match="no run 'q'; the latest runs are: tiles-1a2b3c4d"):
        find_run(stack, "q")


def test_a_row_that_cannot_be_read_is_named_and_hides_no_other(stack, capsys):
    put_run(stack, "r-1")
    put_run(stack, "odd-2", started_at="yesterday")
    assert [row.run_id for row in list_runs(stack)] == ["r-1"]
    assert "run odd-2 is left out: its row in the runs table has no usable started_at" in (
        capsys.readouterr().err
    )


def test_jobs_that_share_a_step_are_followed_as_one(stack):
    keys = RunKeys("r-1")

    def put(key, text="{}"):
        stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=text.encode())

    note = Progress(
        step="synthesize", label="alignment", done=4, total=10, unit="calls", seconds=3, usd=0.5
    )
    for index in range(3):
        put(keys.job_config(f"synthesize-a0-s{index}") + "config.json")
    put(keys.job_config("synthesize-a0") + "config.json")
    put(keys.job_progress("synthesize-a0-s0"), note.model_dump_json())
    put(keys.job_result("synthesize-a0-s0"))
    put(keys.job_progress("synthesize-a0-s2"), note.model_dump_json())
    told = latest_progress(stack, "r-1")
    assert told is not None
    assert told.label == "1 of 3 shards done: alignment"
    assert (told.done, told.total, told.usd) == (8, 20, 1.0)


def test_a_run_in_the_queue_says_its_place_and_what_it_waits_for(stack):
    put_queue(stack, "a-1", "b-1", "a-2")
    put_run(stack, "a-1", status="running")
    put_run(stack, "a-2", status="running", place_token="t-secret")
    told = (
        "place 1 in the queue: 1 of one spec at a time, and run a-1 comes first; "
        "`stratos stop RUN` ends one that is no longer wanted"
    )
    code, out = run("runs", "--json")
    assert code == 0
    assert {row["run_id"]: row["queued"] for row in json.loads(out)} == {"a-1": None, "a-2": told}
    assert "t-secret" not in out
    assert find_run(stack, "a-2").queued == told
    _, table = run("runs")
    assert "queued, place 1 in the" in table
