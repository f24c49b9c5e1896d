"""Runs as the command line lists them."""

from __future__ import annotations

import json

import boto3
import pytest
from typer.testing import CliRunner

from stratos.cli import app as cli
from stratos.cli.runs import find_run, latest_progress, list_runs
from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import Progress
from stratos.errors import (
    RunNotFound,
)
from tests.unit.stratos.cli.stack_contents import STARTED, put_endpoint, put_run, run


def test_a_run_that_is_asked_in_batches_is_listed_with_what_its_traffic_costs(stack, capsys):
    boto3.client("sagemaker").create_model(
        ModelName="stratos-r-1-a0", ExecutionRoleArn="arn:aws:iam::123456789012:role/batches"
    )
    put_run(stack, batch_model_name="stratos-r-1-a0", usd_per_hour="0.01", live_since=STARTED)
    [row] = json.loads(CliRunner().invoke(cli.app, ["runs", "--json"]).output)
    assert (row["live"], row["keep"], row["endpoint_name"]) == (True, False, None)
    assert (row["batch_model_name"], row["usd_per_month"]) == ("stratos-r-1-a0", 7.3)
    shown = CliRunner().invoke(cli.app, ["runs"], env={"COLUMNS": "200"}).output
    assert "1 live, $7.30 a month in all" in shown


def test_runs_lists_what_is_live_and_its_monthly_cost(stack):
    put_endpoint(stack, "e", "r-1")
    hosted = {"endpoint_name": "e", "usd_per_hour": "0.1", "live_since": STARTED}
    put_run(stack, "r-1", **hosted, expires_at="2999-01-01T00:00:00Z")
    put_run(stack, "r-2", **hosted, expires_at="2020-01-01T00:00:00Z")
    put_run(stack, "r-3", status="failed", started_at="2026-12-01T00:00:00+00:00")
    put_run(stack, "r-4", **hosted)
    put_run(stack, "r-5", **hosted | {"endpoint_name": "deleted-in-the-console"})
    put_run(stack, "r-6", **hosted, status="failed")  # after its model was promoted
    code, out = run("runs", "--json")
    rows = {row["run_id"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["r-1"]["live"]
    assert rows["r-1"]["usd_per_month"] == pytest.approx(73)
    assert (rows["r-1"]["live_since"], rows["r-1"]["keep"]) == (STARTED, False)
    assert not rows["r-2"]["live"]
    assert rows["r-4"]["keep"]
    assert (rows["r-5"]["live"], rows["r-5"]["usd_per_month"]) == (False, None)
    assert rows["r-6"]["live"]
    assert list_runs(stack)[0].run_id == "r-3"
    _, table = run("runs")
    assert "3 live, $219.00 a month" in table


def test_a_run_that_waits_says_since_when_and_until_when(stack):
    times = {"awaiting_approval_since": STARTED, "approve_by": "2026-11-27T08:00:00+00:00"}
    put_run(stack, "r-1", status="running", task_token="t-secret", **times)
    code, out = run("runs", "--json")
    (row,) = json.loads(out)
    assert code == 0
    assert {name: row[name] for name in times} == times
    assert "t-secret" not in out


def test_an_unknown_run_names_those_there_are(stack):
    put_run(stack, "r-1")
    with pytest.raises(RunNotFound, match=r"no run 'r-9'; the latest runs are: r-1"):
        find_run(stack, "r-9")


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
