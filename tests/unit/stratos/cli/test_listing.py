"""Runs as the command line lists them."""

from __future__ import annotations

import io
import json

import boto3
import pytest
from rich.console import Console
from typer.testing import CliRunner

from stratos.cli import app as cli
from stratos.cli.runs import list_runs
from stratos.cli.tables import print_runs
from tests import factories
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


def test_a_narrow_terminal_shows_runs_in_lines_that_cut_no_word() -> None:
    served = factories.run_row(
        "customer-inbox-1a2b3c4d",
        status="succeeded",
        endpoint_name="stratos-customer-inbox",
        live_since="2026-11-27T08:00:00+00:00",
        usd_per_hour=1.0,
    )
    told = {}
    for width in (80, 200):
        console = Console(width=width, record=True, file=io.StringIO())
        print_runs(console, [served])
        told[width] = console.export_text().splitlines()
    assert told[200][0].split()[:2] == ["run", "status"]
    assert told[80][0] == "customer-inbox-1a2b3c4d  succeeded"
    assert "  endpoint stratos-customer-inbox" in told[80]
    assert "  live since 2026-11-27T08:00:00" in told[80]
    assert max(map(len, told[80])) <= 80
