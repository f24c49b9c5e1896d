"""In which decisions and prices a plan is no longer what was shown."""

from __future__ import annotations

from stratos.contracts.saved_plan import differences
from tests.summaries import plan_set


def test_the_same_decisions_at_the_same_prices_do_not_differ() -> None:
    plan = plan_set().chosen
    other = plan.model_copy(update={"caveats": ("a price is old",), "id": "p2"})
    assert list(differences(plan, other)) == []


def test_each_decision_that_differs_is_named() -> None:
    plan = plan_set().chosen
    dearer = plan.serving.model_copy(update={"usd_per_hour": plan.serving.usd_per_hour + 1})
    moved = plan.training.model_copy(update={"region": "eu-west-1", "purchase": "spot"})
    other = plan.model_copy(update={"student": "x", "serving": dearer, "training": moved})
    student, training, price = differences(plan, other)
    assert student == f"student: {plan.student} was shown, it would be x"
    assert training.endswith("spot in eu-west-1")
    assert price.startswith(f"price of {plan.serving.instance_type} for hosting: $")
