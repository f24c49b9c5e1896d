"""A new hosting mode is one module and one row: a toy mode goes the whole way through a run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lambdas.aws import chat
from lambdas.jobs.spending import outlay_of
from lambdas.serving import under_load
from stratos.contracts.bucket import RunKeys
from stratos.errors import SpecRejected
from stratos.hosting.modes.table import mode_of
from stratos.pipeline.summary import RunSummary
from stratos.spec import HOSTING_MODES, ModeRow
from stratos.spec.reader import read_spec
from tests import factories
from tests.fakes import FakeClock, FakeRuntime
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import Pipeline, start

ROW = ModeRow("reserved", "tests.unit.stratos.hosting.modes.reserved")
SHARE_OF_PRICE = 0.5
PROJECT = Path(__file__).parents[4]


@pytest.fixture
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mode's row, for one test."""
    monkeypatch.setitem(HOSTING_MODES, ROW.name, ROW)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeRuntime:
    fake = FakeRuntime(lambda messages: factories.answer_to(messages[-1]["content"]))
    monkeypatch.setattr(chat, "runtime_client", lambda: fake)
    monkeypatch.setattr(under_load, "MonotonicClock", FakeClock)
    return fake


def hosted(account: Account, **hosting: Any) -> Pipeline:
    return start(account, hosting=hosting).until_deployed()


def price_of(pipeline: Pipeline) -> float:
    return float(pipeline.state["match"]["serving"]["usd_per_hour"])


def test_without_its_row_a_spec_that_names_the_mode_is_refused() -> None:
    with pytest.raises(SpecRejected, match="one of auto, realtime, serverless"):
        read_spec(factories.spec_text(hosting={"mode": "reserved"}))


@pytest.mark.usefixtures("row")
def test_with_its_row_the_plan_chooses_the_mode_where_it_is_the_cheapest(account: Account) -> None:
    pipeline = hosted(account)
    deployment = pipeline.state["quality"]["deployment"]
    assert deployment["hosting"]["mode"] == "reserved"
    assert "planned instead of realtime $" in deployment["hosting"]["reason"]
    monthly = SHARE_OF_PRICE * price_of(pipeline) * 730
    assert deployment["hosting"]["usd_per_month"] == pytest.approx(monthly)
    assert deployment["production_variant"]["ModelName"] == deployment["model_name"]
    assert ", reserved; " in pipeline.state["candidates"]["summary"]


@pytest.mark.usefixtures("row")
def test_a_model_in_the_mode_is_measured_promoted_and_billed_by_it(
    account: Account, runtime: FakeRuntime
) -> None:
    pipeline = hosted(account, mode="reserved")
    deployment = pipeline.state["quality"]["deployment"]
    since = datetime.now(UTC) - timedelta(hours=2)
    deployment["deploying_since"] = since.isoformat()
    assert pipeline.measure()["passed"]
    assert runtime.requests
    spent = outlay_of(pipeline.run).usd
    assert spent == pytest.approx(2 * SHARE_OF_PRICE * price_of(pipeline), rel=0.01)
    assert pipeline.promote()["endpoint_name"] == deployment["endpoint_name"]
    pipeline.report()
    told = RunSummary.model_validate_json(account.read(RunKeys(pipeline.run.run_id).summary))
    assert told.endpoint is not None
    assert told.endpoint.hosting is not None
    assert told.endpoint.hosting.mode == "reserved"
    assert told.total_usd == pytest.approx(spent, rel=0.01)


@pytest.mark.usefixtures("row")
@pytest.mark.parametrize(
    ("described", "name"),
    [
        ({"ProductionVariants": [{"CurrentInstanceCount": 1}]}, "realtime"),
        ({"ProductionVariants": [{"CurrentServerlessConfig": {}}]}, "serverless"),
        ({"ProductionVariants": [{"ManagedInstanceScaling": {}}]}, "scale_to_zero"),
        ({"AsyncInferenceConfig": {"OutputConfig": {}}}, "async"),
    ],
)
def test_a_new_row_claims_no_endpoint_of_another_mode(described: dict[str, Any], name: str) -> None:
    assert mode_of(described).name == name


def names_compared(module: ast.Module) -> Iterator[str]:
    """Texts that a module compares something with."""
    for node in ast.walk(module):
        if isinstance(node, ast.Compare | ast.match_case):
            for part in ast.walk(node.pattern if isinstance(node, ast.match_case) else node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


def test_no_module_but_the_modes_own_compares_a_mode_by_its_name() -> None:
    found = {
        path.relative_to(PROJECT).as_posix(): compared
        for package in ("stratos", "lambdas", "infra")
        for path in sorted((PROJECT / package).rglob("*.py"))
        if "hosting/modes" not in path.as_posix()
        if (compared := HOSTING_MODES.keys() & set(names_compared(ast.parse(path.read_text()))))
    }
    assert found == {}
