"""The choice beside its rivals, and why each was not chosen."""

from __future__ import annotations

from stratos.look.plans import front_chart, front_limits, plan_rows, why_not
from tests.summaries import interval, plan, plan_set


def test_the_choice_comes_first_and_a_plan_of_several_roles_has_one_row() -> None:
    rows = plan_rows(plan_set())
    assert [row.roles for row in rows] == [
        ("chosen",),
        ("fallback 1", "cheapest"),
        ("most accurate",),
    ]
    assert [row.kind for row in rows] == ["chosen", "fallback", "named"]
    assert rows[0].why_not == ""


def test_a_rival_says_what_speaks_for_it_and_what_against() -> None:
    chosen, fast = plan("a"), plan("b", accuracy=0.55, latency_ms=150)
    assert why_not(fast, chosen) == "150 ms faster, but 5.0 points less accurate"
    assert why_not(chosen, fast) == "5.0 points more accurate, but 150 ms slower"
    dear = fast.model_copy(update={"usd_per_month": interval(100), "hours_to_deploy": interval(2)})
    assert why_not(dear, chosen) == (
        "150 ms faster, but 5.0 points less accurate, 1.95 h later and $20 dearer a month"
    )


def test_a_rival_that_misses_what_the_choice_holds_says_so_first() -> None:
    chosen = plan("a")
    missing = plan("b").model_copy(update={"misses": ("max_p95_latency_ms: 900 ms",)})
    assert why_not(missing, chosen) == "forecast to miss max_p95_latency_ms: 900 ms"
    both = chosen.model_copy(update={"misses": missing.misses})
    assert why_not(missing, both) == "no forecast tells it from the choice"


def test_a_rival_that_is_better_in_every_forecast_lost_by_preferences() -> None:
    told = why_not(plan("b", accuracy=0.7), plan("a"))
    assert told == "10.0 points more accurate; in all it scores lower by the spec's preferences"


def test_plans_of_note_lead_from_the_chart_to_their_row() -> None:
    plans = plan_set()
    chart = front_chart(plans, front_limits(400, 0.5))
    for row in plan_rows(plans):
        assert f'<a href="#{row.anchor}"' in chart
    assert "≤ 400 ms" in chart
    assert "≥ 0.5" in chart
    assert front_limits(None, None) == []
