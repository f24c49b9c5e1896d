"""The page of the front: complete, self-contained, and safe with what a spec names."""

from __future__ import annotations

import json
import re

from stratos.planning.choose import plan_before_probing
from stratos.planning.offline.page import AXES, plan_page
from tests.unit.stratos.planning.planning_inputs import gpu, model, request, spec


def test_the_page_holds_every_plan_and_every_constraint_and_loads_nothing() -> None:
    asked = request(gpu(), asked=spec({"max_p95_latency_ms": 9_000, "min_accuracy": 0.1}))
    plans = plan_before_probing(asked)
    page = plan_page(asked.spec, plans)
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found is not None
    data = json.loads(found[1])
    assert len(data["plans"]) == len(plans.front)
    limits = {axis["constraint"]: axis["limit"] for axis in data["axes"]}
    assert limits["max_p95_latency_ms"] == 9_000
    assert limits["max_budget_usd"] is None
    assert [plan["role"] for plan in data["plans"]].count("chosen") == 1
    assert set(AXES) <= set(data["plans"][0])
    assert not re.search(r'(src|href)="|https?://(?!www\.w3\.org/2000/svg)', page)


def test_a_model_name_cannot_end_the_script() -> None:
    asked = request(gpu(), students=(model("</script><b>"),))
    page = plan_page(asked.spec, plan_before_probing(asked))
    assert "</script><b>" not in page


def test_a_plan_that_is_forecast_to_miss_a_constraint_says_so_before_anything_else() -> None:
    asked = request(gpu(), asked=spec({"min_accuracy": 0.8}), facts={"num_gold": 0})
    plans = plan_before_probing(asked)
    page = plan_page(asked.spec, plans)
    assert plans.chosen.misses
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found is not None
    for plan in json.loads(found[1])["plans"]:
        assert plan["text"][0].startswith("forecast to miss min_accuracy: ")
    assert f"forecast to miss {plans.chosen.misses[0]}; {plans.chosen.teacher}" in page
