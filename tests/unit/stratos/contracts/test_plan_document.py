"""What `stratos plan` writes, and what a run takes of it."""

from __future__ import annotations

import pytest

from stratos.contracts.plan_document import PlanDocument
from stratos.contracts.saved_plan import PlanBasis
from stratos.errors import NoFeasiblePlan
from tests.summaries import plan_set

BASIS = PlanBasis(spec_sha256="a", dataset_sha256="b", num_records={"train": 3}, region="us-east-1")


def test_a_run_takes_the_choice_and_its_fallbacks_in_their_order() -> None:
    plans = plan_set()
    saved = PlanDocument(name="s", basis=BASIS, plans=plans).saved()
    assert saved.plans == (plans.chosen, *plans.fallbacks)
    assert saved.chosen == plans.chosen


@pytest.mark.parametrize("plans", [None, plan_set()])
def test_what_does_not_hold_every_constraint_is_nothing_to_run(plans: object) -> None:
    document = PlanDocument.model_validate(
        {"name": "s", "basis": BASIS, "plans": plans, "infeasible": "max_budget_usd: …"}
    )
    with pytest.raises(NoFeasiblePlan, match=r"max_budget_usd: ….*as `stratos plan` advises"):
        document.saved()
