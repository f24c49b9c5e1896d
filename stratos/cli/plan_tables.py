"""What `stratos plan` prints: the verdict first, then the choice, what it costs, and the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stratos.cli.screen import folded, say
from stratos.contracts.plan import Interval, Outcome, Plan, PlanSet
from stratos.contracts.plan_document import Advice
from stratos.hosting.modes.table import told_endpoint
from stratos.planning.caveats import gathered
from stratos.planning.offline.advice import told
from stratos.planning.verdict import OUTCOMES, asked_text, finding_out, forecast_text
from stratos.units import between, dollars, figure, quantity

STYLES: dict[Outcome, str] = {
    "holds": "green",
    "likely": "green",
    "unknown": "yellow",
    "misses": "red",
}
_FIGURES: tuple[tuple[str, Callable[[Plan], Interval | None]], ...] = (
    ("p95_latency_ms", lambda plan: plan.p95_latency_ms),
    ("hours_to_deploy", lambda plan: plan.hours_to_deploy),
    ("usd_to_deploy", lambda plan: plan.usd_to_deploy),
    ("usd_per_month", lambda plan: plan.usd_per_month),
    ("usd_per_1000_requests", lambda plan: plan.usd_per_1000_requests),
)
_TITLES = ("p95", "until deployed", "to deploy", "a month", "per 1,000 requests")


def print_plans(console: Console, name: str, plans: PlanSet) -> None:
    """All that a person decides by, the verdict first."""
    _print_verdict(console, name, plans)
    _print_choice(console, plans)
    _print_others(console, plans)
    for caveat in gathered(plans.chosen.caveats):
        say(console, f"  note: {caveat}")


def print_advice(console: Console, advice: Sequence[Advice]) -> None:
    """Changes that were tried, each as a command to paste."""
    if not advice:
        say(console, "No single change that was tried is enough; change several of them.")
        return
    console.print(Text("Each of these changes holds every constraint, and was planned with:"))
    for one in advice:
        console.print(Text(f"  {one.command}", "bold"), soft_wrap=True)
        say(console, f"      {told(one)}")


def print_beside(console: Console, changes: Sequence[str], before: PlanSet, after: PlanSet) -> None:
    """The plan as it stands, and what the changes make of it."""
    table = _table("", "as the spec stands", f"if {', '.join(changes)}")
    rows = list(zip(_column(before), _column(after), strict=True))
    for (title, one), (_, other) in rows:
        table.add_row(title, Text(one), Text(other, "" if one == other else "bold"))
    console.print(table)


def _column(plans: PlanSet) -> list[tuple[str, str]]:
    plan = plans.chosen
    misses = [row.name for row in plans.verdicts if row.outcome == "misses"]
    return [
        ("constraints", f"misses {', '.join(misses)}" if misses else "none is missed"),
        ("models", f"{plan.teacher} → {plan.student} ({plan.method})"),
        ("trained on", _server(plan)),
        ("served on", told_endpoint(plan)),
        ("accuracy", _accuracy(plan)),
        *zip(_TITLES, _figures(plan), strict=True),
    ]


def _print_verdict(console: Console, name: str, plans: PlanSet) -> None:
    say(console, Text.assemble((name, "bold"), ": ", _headline(plans)))
    if not plans.verdicts:
        say(console, "The spec sets no limits (`constraints`); any plan holds them.")
        return
    table = _table("constraint", "asked", "forecast (95%)", "verdict")
    for number in (1, 2):
        table.columns[number].justify = "right"
    for row in plans.verdicts:
        verdict = Text(OUTCOMES[row.outcome], STYLES[row.outcome])
        table.add_row(row.name, asked_text(row), forecast_text(row), verdict)
    console.print(table)
    for row in plans.verdicts:
        if row.note:
            say(console, f"  {row.name}: {row.note}")


def _headline(plans: PlanSet) -> Text:
    if plans.infeasible:
        return Text(
            f"no plan holds every constraint; shown is the nearest one. {plans.infeasible}", "red"
        )
    outcomes = [row.outcome for row in plans.verdicts]
    if "misses" in outcomes:
        return Text("the choice may hold every constraint, but is expected not to", "yellow")
    if open_ := [row.name for row in plans.verdicts if row.outcome == "unknown"]:
        return Text(
            f"nothing is expected to be missed; not known yet: {', '.join(open_)}", "yellow"
        )
    return Text("every constraint is expected to hold", "green")


def _print_choice(console: Console, plans: PlanSet) -> None:
    chosen = plans.chosen
    names = [name for name, plan in plans.alternatives.items() if plan.id == chosen.id]
    also = f" (also {', '.join(name.replace('_', ' ') for name in names)})" if names else ""
    head = "The nearest plan" if plans.infeasible else "The choice"
    console.print(Text(f"{head}{also}", "bold"))
    _describe(console, chosen)
    if not plans.infeasible:
        binding = f"; {', '.join(plans.binding)} kept better ones out" if plans.binding else ""
        say(
            console,
            f"   why: best by the spec's preferences of {plans.front_size:,} plans that no other "
            f"beats in all of accuracy, p95, time and cost, out of {plans.num_candidates:,}"
            f"{binding} ({plans.seconds:.2f} s)",
        )
    if chosen.origins:
        _print_origins(console, chosen)
    if cost := finding_out(chosen):
        say(
            console,
            f"To find out what the models can do costs {cost}: the probes, after which the run "
            "chooses again, or ends where nothing would hold",
        )


def _describe(console: Console, plan: Plan) -> None:
    say(console, f"   {plan.teacher} → {plan.student}, {plan.method}, {plan.precision}")
    say(console, f"   train on {_server(plan)}; serve on {told_endpoint(plan)}")
    figures = (f"{title} {text}" for title, text in zip(_TITLES, _figures(plan), strict=True))
    say(console, f"   forecast (95%): accuracy {_accuracy(plan)}; {'; '.join(figures)}")
    if plan.elsewhere is not None:
        say(console, f"   away: {plan.elsewhere.told}")
    say(console, f"   hosting: {plan.hosting.reason}")
    if plan.engine is not None:
        say(console, f"   engine: {plan.engine.told}")
    if plan.precision_reason:
        say(console, f"   precision: {plan.precision_reason}")


def _print_others(console: Console, plans: PlanSet) -> None:
    rows: dict[str, tuple[list[str], Plan]] = {}
    near = {f"near {number}": plan for number, plan in enumerate(plans.front[1:], 2)}
    others = plans.alternatives or (near if plans.infeasible else {})
    for name, plan in others.items():
        if plan.id != plans.chosen.id:
            rows.setdefault(plan.id, ([], plan))[0].append(name.replace("_", " "))
    if not rows:
        return
    rows = {plans.chosen.id: (["the choice"], plans.chosen)} | rows
    console.print(Text("What the others cost", "bold"))
    table = _table("", "accuracy", *_TITLES)
    for column in table.columns[1:]:
        column.justify = "right"
    for names, plan in rows.values():
        middles = [
            "–" if (found := forecast(plan)) is None else quantity(name, found.value)
            for name, forecast in _FIGURES
        ]
        table.add_row(", ".join(names), f"{plan.accuracy.value:.2f}", *middles)
    console.print(table)
    for names, plan in list(rows.values())[1:]:
        misses = ", ".join(miss.partition(":")[0] for miss in plan.misses)
        say(
            console,
            f"  {', '.join(names)}: {plan.teacher} → {plan.student} ({plan.method}), train on "
            f"{_server(plan)}, serve on {told_endpoint(plan)}"
            + (f"; expected to miss {misses}" if misses else ""),
        )


def _print_origins(console: Console, plan: Plan) -> None:
    table = _table("requests from", "per second", "served in", "away", "p95")
    for column in (table.columns[1], *table.columns[3:]):
        column.justify = "right"
    for row in plan.origins:
        away, p95 = (quantity("_ms", value) for value in (row.round_trip_ms, row.p95_latency_ms))
        table.add_row(row.origin, figure(row.requests_per_second), row.served_in, away, p95)
    console.print(table)


def _figures(plan: Plan) -> list[str]:
    found = [(name, forecast(plan)) for name, forecast in _FIGURES]
    return [
        "–" if each is None else between(name, each.value, each.lo, each.hi) for name, each in found
    ]


def _accuracy(plan: Plan) -> str:
    found = plan.accuracy
    return f"{found.value:.2f} ({found.lo:.2f}–{found.hi:.2f})"


def _server(plan: Plan) -> str:
    server = plan.training
    spot = " spot" if server.purchase == "spot" else ""
    hourly = dollars(server.usd_per_hour)
    return (
        f"{server.count} × {server.instance_type}{server.layout}{spot} in {server.region} "
        f"({hourly} an hour)"
    )


def _table(*titles: str) -> Table:
    return folded(Table(*titles, box=None, pad_edge=False, header_style="dim"))
