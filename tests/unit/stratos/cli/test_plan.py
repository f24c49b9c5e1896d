"""`stratos plan` works offline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from stratos.cli.plan import plan_command
from stratos.errors import SpecRejected
from tests import factories
from tests.unit.stratos.planning.planning_inputs import catalog, cpu, gpu

app = typer.Typer()
app.command()(plan_command)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in factories.spec_folder().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "servers.json").write_text(catalog(cpu()).model_dump_json())
    return tmp_path


def run(folder: Path, *options: str) -> str:
    arguments = [str(folder), "--catalog", str(folder / "servers.json"), *options]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_a_folder_is_planned_and_its_front_written_as_a_page(folder: Path) -> None:
    plans = json.loads(run(folder, "--json", "--html", str(folder / "plan.html")))
    assert plans["chosen"]["training"]["instance_type"] == "ml.local.cpu2"
    assert "<svg" in (folder / "plan.html").read_text()


def test_every_plan_says_how_its_endpoint_is_hosted_and_why(folder: Path) -> None:
    rare = {"requests_per_second": 0.5, "mean_requests_per_second": 0.01}
    asked = factories.spec_text(
        load=rare,
        hosting={"max_cold_start_seconds": 60},
        preferences={"accuracy": 0, "latency": 0, "time": 0, "cost": 1},
    )
    (folder / "spec.yaml").write_text(asked)
    chosen = json.loads(run(folder, "--json"))["chosen"]
    assert chosen["hosting"]["mode"] == "serverless"
    assert 0 < chosen["usd_per_1000_requests"]["value"] < 0.1
    assert chosen["hosting"]["cold_start_seconds"] == pytest.approx(15, abs=1)
    shown = run(folder, "--html", str(folder / "plan.html"))
    assert "serve on a serverless endpoint in us-east-1" in shown
    assert f"hosting: {chosen['hosting']['reason']}" in shown
    assert "instead of realtime $73.00 a month" in chosen["hosting"]["reason"]
    assert chosen["hosting"]["reason"] in (folder / "plan.html").read_text()


def test_a_schedule_is_shown_with_its_next_times(folder: Path) -> None:
    scheduled = {"schedule": "cron(0 9 25 12 ? 2198-2199)", "schedule_timezone": "Europe/Berlin"}
    (folder / "spec.yaml").write_text(factories.spec_text(**scheduled))
    assert (
        "runs again if inputs have changed: cron(0 9 25 12 ? 2198-2199) in Europe/Berlin; "
        "next: Tue 2198-12-25 09:00, Wed 2199-12-25 09:00\n"
    ) in run(folder)
    (folder / "spec.yaml").write_text(factories.spec_text(schedule="rate(7 days)"))
    assert "changed: rate(7 days), from the moment the model is live\n" in run(folder)


def test_what_if_changes_one_limit(folder: Path) -> None:
    plans = json.loads(run(folder, "--json", "--what-if", "max_budget_usd=50"))
    assert plans["front_size"] >= 1
    with pytest.raises(SpecRejected, match="expected NAME=VALUE"):
        run(folder, "--what-if", "budget=50")


def test_origins_and_worker_regions_show_what_each_origin_gets_and_why_regions_lost(
    folder: Path,
) -> None:
    rows = catalog(gpu(usd={"us-east-1": 1.0, "eu-west-1": 1.2, "ap-northeast-1": 5.0}))
    (folder / "servers.json").write_text(rows.model_dump_json())
    traffic = ("--origins", "us-east-1=2,eu-west-1=1")
    workers = ("--worker-regions", "eu-west-1,ap-northeast-1")
    plans = json.loads(run(folder, "--json", *traffic, *workers))
    found = plans["chosen"]["origins"]
    assert [row["origin"] for row in found] == ["us-east-1", "eu-west-1"]
    assert max(row["p95_latency_ms"] for row in found) == pytest.approx(
        plans["chosen"]["p95_latency_ms"]["value"]
    )
    shown = run(folder, *traffic, *workers)
    assert "requests from" in shown
    assert "note: not ap-northeast-1: training: ml.g9.xlarge at $5.000 an hour" in shown
    with pytest.raises(SpecRejected, match="'nowhere' is none of"):
        run(folder, "--origins", "nowhere=1")
    with pytest.raises(SpecRejected, match="'nowhere' is none of"):
        run(folder, "--worker-regions", "nowhere")


@pytest.mark.parametrize("text", ["", "us-east-1", "us-east-1=-1", "us-east-1=nan", "a=1,a=2"])
def test_what_is_no_origin_is_refused_with_an_example(folder: Path, text: str) -> None:
    with pytest.raises(SpecRejected, match="expected us-east-1=5,eu-west-1=3, say"):
        run(folder, "--origins", text)


def test_the_first_line_of_a_plan_says_what_it_is_forecast_to_miss(folder: Path) -> None:
    options = ("--what-if", "min_accuracy=0.7")
    chosen = json.loads(run(folder, "--json", *options))["chosen"]
    (miss,) = chosen["misses"]
    assert miss.startswith(f"min_accuracy: {chosen['accuracy']['value']:.2f} is forecast")
    lines = run(folder, *options).splitlines()
    assert lines[0].startswith("1  chosen")
    assert lines[0].endswith(f"; forecast to miss {miss}")
    assert "most accurate" not in "".join(lines)
    modest = run(folder, "--what-if", "min_accuracy=0.01").splitlines()
    assert "forecast to miss" not in modest[0]


def test_a_plan_over_regions_says_that_a_stack_would_refuse_the_spec(folder: Path) -> None:
    (folder / "spec.yaml").write_text(
        factories.spec_text(constraints={"regions": ["us-east-1", "eu-west-1"]})
    )
    assert "note: a stack in us-east-1 trains and deploys there alone" in run(folder)
    assert "there alone" not in run(folder, "--worker-regions", "eu-west-1")
