"""A run beside its forecast."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stratos.cli.run_story import StoryTeller, history_lines, tell
from stratos.contracts.bucket import RunKeys
from stratos.contracts.plan import PlannedStep
from tests import factories
from tests.summaries import plan_set
from tests.unit.stratos.cli.stack_contents import put

BEGAN = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
STEPS = (
    PlannedStep(step="probe", hours=0.1, usd=0.1),
    PlannedStep(step="distill", hours=1.0, usd=2.0),
    PlannedStep(step="deploy", hours=0.2, usd=0.0),
)
FORECAST = {"ProbeModels": STEPS[0], "Distill": STEPS[1], "Deploy": STEPS[2]}


def test_time_left_is_what_the_forecasts_of_this_and_later_states_have_left() -> None:
    story = tell({"ProbeModels": 500.0, "Distill": 600.0}, {}, FORECAST, "Distill")
    assert story.seconds_left == 3000 + 720
    sure = tell({"Distill": 600.0}, {}, {"Distill": STEPS[1]}, "Distill", job_seconds_left=42.0)
    assert sure.seconds_left == 42
    late = tell({"Distill": 9000.0}, {}, {"Distill": STEPS[1]}, "Distill")
    assert late.seconds_left == 0


def test_a_run_that_is_over_has_nothing_left_and_nothing_to_come() -> None:
    story = tell({"ProbeModels": 500.0}, {"ProbeModels": 0.05}, FORECAST, None)
    assert [row.name for row in story.phases] == ["ProbeModels"]
    assert story.seconds_left is None
    assert story.told == "8 min 20 s so far, $0.05 of about $2.10"


def test_without_forecast_or_bill_only_the_time_is_told() -> None:
    story = tell({"ClaimRun": 2.0, "InspectDataset": 3.0}, None, {}, "InspectDataset")
    assert story.told == "5.0 s so far"
    assert history_lines(story.phases) == ["ClaimRun: 2.0 s"]
    assert story.as_json()["usd"] is None


class History:
    """Step Functions' history, two events a page, the newest first; counts what is read."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.pages = 0
        self.exceptions = type("Exceptions", (), {"ExecutionDoesNotExist": KeyError})

    def enter(self, name: str, minute: float) -> None:
        entered = {"stateEnteredEventDetails": {"name": name}}
        moment = BEGAN + timedelta(minutes=minute)
        kind = "TaskStateEntered"
        event = {"id": len(self.events) + 1, "type": kind, "timestamp": moment} | entered
        self.events.append(event)

    def get_execution_history(self, *, nextToken: str = "0", **asked: Any) -> dict[str, Any]:  # noqa: N803
        self.pages += 1
        newest, at = list(reversed(self.events)), int(nextToken)
        more = {"nextToken": str(at + 2)} if at + 2 < len(newest) else {}
        return {"events": newest[at : at + 2]} | more


@pytest.fixture
def history(stack: Any) -> History:
    found = History()
    stack.__dict__["states"] = found
    return found


def test_a_history_is_read_from_its_beginning_and_then_only_what_is_new(
    stack: Any, history: History
) -> None:
    run = factories.run_row("r-1", status="running")
    teller = StoryTeller(stack, "r-1", now=lambda: BEGAN + timedelta(minutes=20))
    for minute, name in enumerate(("ClaimRun", "ParseConstraints", "InspectDataset", "Probe")):
        history.enter(name, minute)
    history.enter("ProbeModels", 5)
    assert teller.state(run) == "ProbeModels"
    assert history.pages == 3
    assert teller.state(run) == "ProbeModels"
    assert history.pages == 4
    history.enter("Distill", 10)
    assert teller.state(run) == "Distill"
    assert history.pages == 5
    story = teller.story(run, "Distill", None)
    assert story is not None
    assert {row.name: row.seconds for row in story.phases if row.seconds is not None} == {
        "ClaimRun": 60.0,
        "ParseConstraints": 60.0,
        "InspectDataset": 180.0,
        "ProbeModels": 300.0,
        "Distill": 600.0,
    }


def test_the_forecast_is_that_of_the_plan_and_once_matched_of_the_match(
    stack: Any, history: History
) -> None:
    plans = plan_set()
    planned = plans.model_copy(update={"chosen": plans.chosen.model_copy(update={"steps": STEPS})})
    put(stack, RunKeys("r-1").plans, planned.model_dump_json().encode())
    history.enter("ProbeModels", 0)
    seconds = [0.0]
    now = BEGAN + timedelta(minutes=3)
    teller = StoryTeller(stack, "r-1", clock=lambda: seconds[0], now=lambda: now)
    run = factories.run_row("r-1", status="running")
    story = teller.story(run, teller.state(run), None)
    assert story is not None
    assert story.forecast_usd == pytest.approx(2.1)
    assert [row.name for row in story.phases] == ["ProbeModels", "Distill", "Deploy"]
    evidence = factories.match_evidence(plans.chosen.serving, 100.0)
    cheaper = evidence.plan.model_copy(update={"steps": (STEPS[1].model_copy(update={"usd": 1}),)})
    matching = evidence.matching.model_copy(update={"plan": cheaper})
    matched = evidence.model_copy(update={"matching": matching})
    put(stack, RunKeys("r-1").match, matched.model_dump_json().encode())
    seconds[0] = 60.0
    story = teller.story(run, teller.state(run), None)
    assert story is not None
    assert story.forecast_usd == pytest.approx(1.1)


def test_an_execution_that_is_forgotten_has_no_story(stack: Any, history: History) -> None:
    def gone(**asked: Any) -> dict[str, Any]:
        raise KeyError("ExecutionDoesNotExist")

    history.get_execution_history = gone  # type: ignore[method-assign]
    teller, run = StoryTeller(stack, "r-1"), factories.run_row("r-1")
    assert teller.state(run) is None
    assert teller.story(run, None, None) is None


def test_a_run_that_takes_longer_than_forecast_says_so_and_not_that_nothing_is_left() -> None:
    assert tell({"Distill": 9000.0}, {}, {"Distill": STEPS[1]}, "Distill").told.endswith(
        "its forecast time is over"
    )
