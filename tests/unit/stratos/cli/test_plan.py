"""`stratos plan` works offline."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from stratos.cli.plan import plan_command
from stratos.contracts.plan_document import PlanDocument
from stratos.errors import SpecRejected
from stratos.spec.json_schema import check_schema, is_valid
from tests import factories
from tests.unit.stratos.planning.planning_inputs import catalog, cpu, gpu

ROOT = Path(__file__).parents[4]
app = typer.Typer()
app.command()(plan_command)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in factories.spec_folder().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "servers.json").write_text(catalog(cpu()).model_dump_json())
    return tmp_path


def run(folder: Path, *options: str, code: int = 0) -> str:
    arguments = [str(folder), "--catalog", str(folder / "servers.json"), *options]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == code
    return done.stdout


def plans_of(folder: Path, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(folder, "--json", *options))["plans"]
    return found


def test_a_folder_is_planned_and_its_front_written_as_a_page(folder: Path) -> None:
    plans = plans_of(folder, "--html", str(folder / "plan.html"))
    assert plans["chosen"]["training"]["instance_type"] == "ml.local.cpu2"
    assert "<svg" in (folder / "plan.html").read_text()


def test_a_budget_that_nobody_named_is_told_to_be_the_stacks_to_say(folder: Path) -> None:
    told = "max_budget_usd is 100, unless your stack says otherwise"
    assert told not in run(folder)
    (folder / "spec.yaml").write_text(factories.spec_text(constraints={"min_accuracy": 0.5}))
    assert told in run(folder)


def test_every_plan_says_how_its_endpoint_is_hosted_and_why(folder: Path) -> None:
    rare = {"requests_per_second": 0.5, "mean_requests_per_second": 0.01}
    asked = factories.spec_text(
        load=rare,
        hosting={"max_cold_start_seconds": 60},
        preferences={"accuracy": 0, "latency": 0, "time": 0, "cost": 1},
    )
    (folder / "spec.yaml").write_text(asked)
    chosen = plans_of(folder)["chosen"]
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


def test_what_if_shows_the_plan_as_it_stands_beside_what_a_change_makes_of_it(folder: Path) -> None:
    document = json.loads(run(folder, "--json", "--what-if", "load.requests_per_second=0.1"))
    before, after = (document[name]["chosen"] for name in ("as_it_stands", "plans"))
    assert after["usd_per_1000_requests"]["value"] > before["usd_per_1000_requests"]["value"]
    assert document["what_if"] == ["load.requests_per_second=0.1"]
    shown = run(folder, "--what-if", "load.requests_per_second=0.1")
    assert "as the spec stands" in shown
    assert "if load.requests_per_second=0.1" in shown
    assert "as the spec stands" not in run(folder)


def test_a_constraint_may_be_named_alone_and_what_is_no_field_gets_a_hint(folder: Path) -> None:
    assert plans_of(folder, "--what-if", "max_budget_usd=50")["front_size"] >= 1
    with pytest.raises(SpecRejected, match=r"did you mean `constraints\.max_budget_usd`"):
        run(folder, "--what-if", "budget_usd=50")


def test_the_verdict_is_the_first_thing_that_is_said(folder: Path) -> None:
    asked = {"min_accuracy": 0.3, "max_budget_usd": 50, "max_p95_latency_ms": 20_000}
    (folder / "spec.yaml").write_text(factories.spec_text(constraints=asked))
    head, titles, *rows = run(folder).splitlines()
    assert head == "tiles: nothing is expected to be missed; not known yet: min_accuracy"
    assert titles.split() == ["constraint", "asked", "forecast", "(95%)", "verdict"]
    assert rows[0].startswith("min_accuracy")
    assert rows[0].rstrip().endswith("not known yet")
    assert "≤ 20,000 ms" in rows[1]
    assert rows[1].rstrip().endswith("holds")
    assert "≤ $50" in rows[2]
    (cost,) = (line for line in rows if line.startswith("To find out"))
    assert "what the models can do costs $0.0" in cost


def test_where_nothing_fits_there_is_an_exit_code_a_document_a_page_and_advice_that_does(
    folder: Path,
) -> None:
    (folder / "spec.yaml").write_text(
        factories.spec_text(constraints={"max_p95_latency_ms": 0.01, "max_budget_usd": 50})
    )
    page = folder / "plan.html"
    document = json.loads(run(folder, "--json", "--html", str(page), code=7))
    assert document["infeasible"].startswith("max_p95_latency_ms: <= 0.01 ms was asked")
    assert document["plans"]["verdicts"][0]["outcome"] == "misses"
    assert "<svg" in page.read_text()
    commands = [advice["command"] for advice in document["advice"]]
    assert any("constraints.max_p95_latency_ms=" in command for command in commands)
    for command in commands:
        stratos, plan, target, *options = shlex.split(command)
        assert (stratos, plan, target) == ("stratos", "plan", str(folder))
        done = CliRunner().invoke(app, [target, *options], catch_exceptions=False)
        assert done.exit_code == 0, command
    shown = run(folder, code=7)
    assert shown.startswith("tiles: no plan holds every constraint; shown is the nearest one")
    assert all(command in shown for command in commands)


def test_without_any_candidate_the_document_says_why(folder: Path) -> None:
    allowed = {"licences": ["GPL-2.0"]}
    (folder / "spec.yaml").write_text(factories.spec_text(constraints=allowed))
    document = json.loads(run(folder, "--json", code=7))
    assert document["plans"] is None
    assert "no teacher is left to choose from" in document["infeasible"]
    assert run(folder, code=7).startswith("tiles: no teacher is left")


def test_what_is_printed_as_json_is_what_is_written_to_be_submitted(folder: Path) -> None:
    out = folder / "plan.json"
    shown = run(folder, "--out", str(out))
    assert f"stratos submit {folder} --plan {out} runs it" in shown.replace("\n", " ")
    written = PlanDocument.model_validate_json(out.read_text())
    assert written.saved().chosen == written.plans.chosen  # type: ignore[union-attr]
    for change in (("--what-if", "max_budget_usd=9"), ("--origins", "us-east-1=1")):
        with pytest.raises(SpecRejected, match=r"spec\.yaml does not have cannot be submitted"):
            run(folder, "--out", str(out), *change)


def test_a_document_is_as_its_published_schema_says(folder: Path) -> None:
    schema = json.loads((ROOT / "docs" / "schemas" / "plan.schema.json").read_text())
    check_schema(schema)
    document = json.loads(run(folder, "--json", "--what-if", "load.requests_per_second=0.1"))
    assert is_valid(document, schema)
    assert document["format_version"] == 1
    assert not is_valid(document | {"format_version": 2}, schema)


def test_a_region_that_there_is_not_gets_a_hint(folder: Path) -> None:
    with pytest.raises(SpecRejected, match=r"--region: 'us-east-11' is no.*did you mean"):
        run(folder, "--region", "us-east-11")


def test_origins_and_worker_regions_show_what_each_origin_gets_and_why_regions_lost(
    folder: Path,
) -> None:
    rows = catalog(gpu(usd={"us-east-1": 1.0, "eu-west-1": 1.2, "ap-northeast-1": 5.0}))
    (folder / "servers.json").write_text(rows.model_dump_json())
    traffic = ("--origins", "us-east-1=2,eu-west-1=1")
    workers = ("--worker-regions", "eu-west-1,ap-northeast-1")
    plans = plans_of(folder, *traffic, *workers)
    found = plans["chosen"]["origins"]
    assert [row["origin"] for row in found] == ["us-east-1", "eu-west-1"]
    assert max(row["p95_latency_ms"] for row in found) == pytest.approx(
        plans["chosen"]["p95_latency_ms"]["value"]
    )
    shown = run(folder, *traffic, *workers)
    assert "requests from" in shown
    assert "note: not ap-northeast-1: training: ml.g9.xlarge at $5.000 an hour" in shown
    with pytest.raises(SpecRejected, match="'nowhere' is no region"):
        run(folder, "--origins", "nowhere=1")
    with pytest.raises(SpecRejected, match="'nowhere' is no region"):
        run(folder, "--worker-regions", "nowhere")


@pytest.mark.parametrize("text", ["", "us-east-1", "us-east-1=-1", "us-east-1=nan", "a=1,a=2"])
def test_what_is_no_origin_is_refused_with_an_example(folder: Path, text: str) -> None:
    with pytest.raises(SpecRejected, match="expected us-east-1=5,eu-west-1=3, say"):
        run(folder, "--origins", text)


def test_a_plan_says_at_its_head_what_it_is_forecast_to_miss(folder: Path) -> None:
    options = ("--what-if", "min_accuracy=0.7")
    chosen = plans_of(folder, *options)["chosen"]
    (miss,) = chosen["misses"]
    assert miss.startswith(f"min_accuracy: {chosen['accuracy']['value']:.2f} is forecast")
    lines = run(folder, *options).splitlines()
    assert lines[0] == "tiles: nothing is expected to be missed; not known yet: min_accuracy"
    assert any("before probing the guess is that it misses" in line for line in lines)
    assert "most accurate" not in "".join(lines)
    modest = run(folder, "--what-if", "min_accuracy=").splitlines()
    assert modest[0] == "tiles: every constraint is expected to hold"


def test_a_plan_over_regions_says_that_a_stack_would_refuse_the_spec(folder: Path) -> None:
    (folder / "spec.yaml").write_text(
        factories.spec_text(constraints={"regions": ["us-east-1", "eu-west-1"]})
    )
    assert "note: a stack in us-east-1 trains and deploys there alone" in run(folder)
    assert "there alone" not in run(folder, "--worker-regions", "eu-west-1")
