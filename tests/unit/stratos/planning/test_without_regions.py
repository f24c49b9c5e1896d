"""Plans of specs without origins, on stacks without worker regions: as before there were any."""

from __future__ import annotations

import hashlib
import json

import pytest

from stratos.contracts.plan import PlanSet
from stratos.planning.choose import plan_before_probing
from stratos.planning.request import PlanningRequest
from stratos.spec import Load
from tests.unit.stratos.planning.planning_inputs import CHEAP, FAST, cpu, gpu, paid, request, spec

DIGITS = 9
"""Of figures: processors differ in the last bits of a logarithm."""
_SAID_SINCE = {"steps", "verdicts"}
"""What plans have come to say since; nothing is decided by it."""
_WORDS = {"caveats", "reason", "instead_of"}
"""They count days and write figures, in a way of their own time."""

REQUESTS: dict[str, PlanningRequest] = {
    "one server": request(gpu(), cpu()),
    "cold starts": request(
        CHEAP,
        FAST,
        cpu(),
        asked=spec(
            {"max_training_hours": 1.5},
            load={"requests_per_second": 0.5, "active_hours_per_day": 2.0},
            hosting={"max_cold_start_seconds": 1800.0},
        ),
    ),
    "several regions": request(
        gpu(usd={"us-east-1": 1.0, "eu-west-1": 0.8}),
        gpu("ml.g2.xlarge", tflops=400, usd={"eu-west-1": 3.0}, spot_interruptions_per_month=0.2),
        asked=spec({"regions": ["us-east-1", "eu-west-1"], "max_p95_latency_ms": 6_000}),
        teachers=(paid(prior_accuracy=0.9),),
    ),
}
FINGERPRINTS = {
    "one server": "f3e97b4c6a27862c",
    "cold starts": "b8162040f7547b55",
    "several regions": "5b95ac6979088a6f",
}
"""Made by the planner of commit a9a9cb0."""


def told(plans: PlanSet) -> object:
    """All but the time that it took, words, and later fields."""
    left_out = _WORDS | _SAID_SINCE

    def rounded(found: object) -> object:
        if isinstance(found, float):
            return float(f"{found:.{DIGITS}g}")
        if isinstance(found, list):
            return [rounded(each) for each in found]
        if isinstance(found, dict):
            return {key: rounded(each) for key, each in found.items() if key not in left_out}
        return found

    return rounded(plans.model_dump(mode="json", exclude={"seconds"}))


@pytest.mark.parametrize("name", REQUESTS)
def test_a_plan_without_regions_is_as_it_was_before_there_were_any(name: str) -> None:
    text = json.dumps(told(plan_before_probing(REQUESTS[name])), sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == FINGERPRINTS[name]


@pytest.mark.parametrize("name", ["one server", "cold starts"])
def test_a_stack_without_workers_plans_as_one_that_does_not_know_of_any(name: str) -> None:
    asked = REQUESTS[name]
    home = {"training_regions": ("us-east-1",), "serving_regions": ("us-east-1",)}
    assert told(plan_before_probing(asked.model_copy(update=home))) == told(
        plan_before_probing(asked)
    )


def test_requests_that_all_come_from_home_change_no_figure() -> None:
    asked = REQUESTS["one server"]
    load = Load(origins={"us-east-1": asked.spec.load.requests_per_second})
    named = asked.model_copy(update={"spec": asked.spec.model_copy(update={"load": load})})
    plans = plan_before_probing(named)
    assert [origin.origin for origin in plans.chosen.origins] == ["us-east-1"]
    bare = [plan.model_copy(update={"origins": ()}) for plan in plans.front]
    assert bare == list(plan_before_probing(asked).front)
