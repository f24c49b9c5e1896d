"""Plans under given traffic, for whatever hosting is asked."""

from __future__ import annotations

from typing import Any

from stratos.catalog.model_card import ModelCard
from stratos.contracts.plan import Plan, PlanSet
from stratos.planning.choose import plan_before_probing
from stratos.spec import ModeName
from tests.unit.stratos.planning import planning_inputs as inputs

TRAFFIC = {"requests_per_second": 0.5, "active_hours_per_day": 3.5}


def planned(
    *servers: Any,
    student: ModelCard | None = None,
    limits: dict[str, Any] | None = None,
    load: dict[str, Any] = TRAFFIC,
    live: ModeName | None = None,
    **hosting: Any,
) -> PlanSet:
    request = inputs.request(
        *(servers or (inputs.cpu(),)),
        asked=inputs.spec(limits, load=load, hosting=hosting),
        teachers=(inputs.tiny("teacher"),),
        students=(student or inputs.tiny(),),
        live_mode=live,
    )
    return plan_before_probing(request)


def chosen(*servers: Any, **options: Any) -> Plan:
    return planned(*servers, **options).chosen
