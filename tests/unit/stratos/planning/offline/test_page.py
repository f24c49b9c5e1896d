"""The page of a plan: verdict first, complete, self-contained, and safe with what a spec names."""

from __future__ import annotations

import json
import re
from typing import Any

from stratos.contracts.plan_document import Advice
from stratos.planning.choose import plan_before_probing
from stratos.planning.nearest import plan_or_nearest
from stratos.planning.offline.advice import told
from stratos.planning.offline.page import AXES, plan_page
from tests.unit.stratos.planning.planning_inputs import gpu, model, request, spec


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def words_of(page: str) -> str:
    body = page.partition("<body>")[2].partition("<script")[0].replace("<wbr>", "")
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def test_the_page_holds_every_plan_and_every_constraint_and_loads_nothing() -> None:
    asked = request(gpu(), asked=spec({"max_p95_latency_ms": 9_000, "min_accuracy": 0.1}))
    plans = plan_before_probing(asked)
    page = plan_page(asked.spec, plans)
    data = data_of(page)
    assert len(data["plans"]) == len(plans.front)
    limits = {axis["constraint"]: axis["limit"] for axis in data["axes"]}
    assert limits["max_p95_latency_ms"] == 9_000
    assert limits["max_budget_usd"] is None
    assert [plan["kind"] for plan in data["plans"]].count("chosen") == 1
    assert set(AXES) == set(data["plans"][0]["forecasts"])
    assert not re.search(r'src="|href="[^#]|https?://(?!www\.w3\.org/2000/svg)', page)


def test_the_verdict_on_every_constraint_comes_before_anything_else() -> None:
    asked = request(gpu(), asked=spec({"max_p95_latency_ms": 9_000, "min_accuracy": 0.1}))
    words = words_of(plan_page(asked.spec, plan_before_probing(asked)))
    assert "Every constraint is expected to hold." in words
    found = re.search(r"max_p95_latency_ms ≤ 9,000 ms \S+ \(\S+\) ms holds", words)
    assert found is not None, words
    assert found.start() < words.index("The choice, and why")


def test_names_cannot_become_markup_or_end_the_script() -> None:
    name = "</script><b>"
    asked = request(gpu(), students=(model(name),))
    page = plan_page(asked.spec, plan_before_probing(asked))
    assert name not in page
    assert "&lt;/script&gt;&lt;b&gt;" in page
    assert any(name in line for line in data_of(page)["plans"][0]["text"])


def test_a_plan_that_is_forecast_to_miss_a_constraint_says_so_before_anything_else() -> None:
    asked = request(gpu(), asked=spec({"min_accuracy": 0.8}), facts={"num_gold": 0})
    plans = plan_before_probing(asked)
    page = plan_page(asked.spec, plans)
    assert plans.chosen.misses
    for plan in data_of(page)["plans"]:
        assert plan["text"][0].startswith("forecast to miss min_accuracy: ")
    assert f"forecast to miss {plans.chosen.misses[0]}" in words_of(page)


def test_where_nothing_fits_the_page_shows_the_nearest_plans_and_what_would_hold() -> None:
    asked = request(gpu(), asked=spec({"max_p95_latency_ms": 1.0, "max_budget_usd": 1e6}))
    plans = plan_or_nearest(asked)
    advice = Advice(
        moves="constraints",
        options=("--what-if", "constraints.max_p95_latency_ms=3500"),
        command="stratos plan <x> --what-if 'constraints.max_p95_latency_ms=3500'",
        plan=plans.chosen,
    )
    words = words_of(plan_page(asked.spec, plans, [advice]))
    assert "No plan holds every constraint." in words
    assert "misses" in words
    assert "What would hold" in words
    assert "stratos plan &lt;x&gt; --what-if &#39;constraints.max_p95_latency_ms=3500&#39;" in words
    assert told(advice) in words
    assert "The nearest plan" in words
    assert "No single change that was tried is enough" in words_of(plan_page(asked.spec, plans))


def test_each_rival_stands_with_its_intervals_and_why_it_was_not_chosen() -> None:
    fast = gpu("ml.g9.big", 400, 900, 80, {"us-east-1": 5.0})
    asked = request(gpu(), fast)
    plans = plan_before_probing(asked)
    words = words_of(plan_page(asked.spec, plans))
    assert len(plans.front) > 1
    others = words.partition("Why not the others")[2]
    assert "dearer" in others
    for plan in plans.fallbacks:
        assert f"{plan.student} learns from {plan.teacher}" in others
