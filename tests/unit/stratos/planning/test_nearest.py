"""Plans where nothing fits."""

from __future__ import annotations

import pytest

from stratos.errors import NoFeasiblePlan
from stratos.planning.choose import plan_before_probing
from stratos.planning.nearest import plan_or_nearest
from tests.unit.stratos.planning.planning_inputs import CHEAP, FAST, paid, request, spec


def test_where_a_plan_fits_it_is_the_planners_choice() -> None:
    asked = request(FAST, CHEAP, asked=spec({"max_budget_usd": 1e6}))
    found = plan_or_nearest(asked)
    assert found.infeasible == ""
    assert found.chosen == plan_before_probing(asked).chosen


def test_where_nothing_fits_the_nearest_plan_is_shown_with_what_it_misses() -> None:
    asked = request(FAST, CHEAP, asked=spec({"max_p95_latency_ms": 1.0, "max_budget_usd": 1e6}))
    found = plan_or_nearest(asked)
    assert found.infeasible.startswith("max_p95_latency_ms: <= 1 ms was asked, at best <= ")
    assert {row.name: row.outcome for row in found.verdicts} == {
        "max_p95_latency_ms": "misses",
        "max_budget_usd": "holds",
    }
    assert found.chosen == found.front[0]
    assert found.binding == ("max_p95_latency_ms",)
    (miss,) = found.chosen.misses
    assert miss.endswith("is forecast, 1 ms was asked")


def test_without_any_candidate_there_is_nothing_near() -> None:
    with pytest.raises(NoFeasiblePlan, match="its price is unknown"):
        plan_or_nearest(request(CHEAP, teachers=(paid(usd_out=None),)))
