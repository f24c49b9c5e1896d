"""What a person reads of plans."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from stratos.cli.plan_tables import print_advice, print_beside, print_plans
from stratos.contracts.plan import ForecastVerdict, Outcome, PlanSet
from tests.summaries import plan, plan_set


def shown(plans: PlanSet) -> list[str]:
    console = Console(width=200, record=True, file=io.StringIO())
    print_plans(console, "tiles", plans)
    return [line.rstrip() for line in console.export_text().splitlines()]


def judged(*outcomes: Outcome) -> PlanSet:
    rows = tuple(
        ForecastVerdict(name=f"max_{at}_usd", asked=1.0, forecast=None, outcome=outcome)
        for at, outcome in enumerate(outcomes)
    )
    return plan_set().model_copy(update={"verdicts": rows})


@pytest.mark.parametrize(
    ("outcomes", "head"),
    [
        (("holds", "likely"), "every constraint is expected to hold"),
        (("holds", "unknown"), "nothing is expected to be missed; not known yet: max_1_usd"),
        (("misses", "unknown"), "the choice may hold every constraint, but is expected not to"),
    ],
)
def test_the_first_line_is_the_worst_that_is_expected(
    outcomes: tuple[Outcome, ...], head: str
) -> None:
    assert shown(judged(*outcomes))[0] == f"tiles: {head}"


def test_a_spec_without_limits_has_no_table_of_them() -> None:
    assert shown(plan_set())[1].startswith("The spec sets no limits")


def test_the_others_are_shown_with_what_they_cost_beside_the_choice() -> None:
    lines = shown(plan_set())
    start = lines.index("What the others cost")
    names = [line.split("  ")[0] for line in lines[start + 2 : start + 5]]
    assert names == ["the choice", "cheapest", "most accurate"]


def test_another_plan_says_what_it_is_expected_to_miss() -> None:
    plans = plan_set()
    late = {"cheapest": plan("z", 0.7, 90).model_copy(update={"misses": ("min_accuracy: 0.7",)})}
    lines = shown(plans.model_copy(update={"alternatives": late}))
    [told] = [line for line in lines if line.startswith("  cheapest: ")]
    assert told.endswith("; expected to miss min_accuracy")


def test_nearest_plans_are_not_called_a_choice() -> None:
    lines = shown(plan_set().model_copy(update={"infeasible": "max_budget_usd: …"}))
    assert lines[0].startswith("tiles: no plan holds every constraint; shown is the nearest one")
    assert any(line.startswith("The nearest plan") for line in lines)
    assert not any(line.startswith("The choice") for line in lines)


def test_what_a_change_makes_of_the_plan_stands_beside_the_plan() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    after = plan_set().model_copy(update={"chosen": plan("z", 0.7, 90)})
    print_beside(console, ["load.requests_per_second=1"], plan_set(), after)
    text = console.export_text()
    assert "as the spec stands" in text
    assert "if load.requests_per_second=1" in text
    (p95,) = (line for line in text.splitlines() if line.startswith("p95"))
    assert p95.count("ms") == 2


def test_a_terminal_of_80_columns_cuts_no_word() -> None:
    missing = plan("z", 0.7, 90).model_copy(update={"misses": ("max_hosting_usd_per_month: $9",)})
    plans = judged("likely").model_copy(update={"alternatives": {"most accurate": missing}})

    def words(width: int) -> set[str]:
        console = Console(width=width, record=True, file=io.StringIO(), force_terminal=True)
        print_plans(console, "tiles", plans)
        lines = console.export_text().splitlines()
        assert max(map(len, lines)) <= width
        return {word for line in lines for word in line.split()}

    assert words(80) == words(1_000)


def test_without_advice_that_does_it_is_said_so() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    print_advice(console, [])
    assert "change several of them" in console.export_text()
