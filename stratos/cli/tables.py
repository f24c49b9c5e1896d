"""What the command line prints of a finished run."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stratos.cli.runs import usd_per_month
from stratos.cli.screen import folded, say
from stratos.contracts.run import RunRow
from stratos.pipeline.summary import RunSummary
from stratos.report.figures import (
    accuracy_rows,
    batch_rows,
    constraint_rows,
    duration,
    engine_told,
    headline_ratio,
    measurement_rows,
    money,
    share,
)
from stratos.report.next_steps import next_steps
from stratos.units import figure

STYLES = {"succeeded": "green", "failed": "red", "rejected": "red", "stopped": "yellow"}
VERDICTS = {True: "green", False: "red", None: "dim"}


def print_outcome(console: Console, run: RunSummary) -> None:
    """Constraints, accuracies, where the time went, and what was decided."""
    status = (run.status, STYLES.get(run.status, ""))
    say(console, Text.assemble((run.run_id, "bold"), " ", status, f"  {run.reason}"))
    console.print(_constraints(run), _accuracies(run), sep="\n")
    if any(item.load is not None for item in run.measurements):
        console.print(_measurements(run))
    if any(item.batch is not None for item in run.measurements):
        console.print(_batches(run))
    console.print(_phases(run))
    if run.strategy:
        say(console, f"strategy: Knowledge {run.strategy.choice.title()}: {run.strategy.reason}")
    if (engine := engine_told(run)) is not None:
        say(console, f"served by {engine}")
    if run.served and run.served.changed:
        say(console, run.served.changed)
    for note in run.notes:
        say(console, note, "dim")
    if steps := next_steps(run):
        table = Table("next", "", box=None, pad_edge=False, header_style="dim")
        table.columns[0].no_wrap = True
        for command, purpose in steps:
            table.add_row(Text(command), purpose)
        console.print(table)


def _constraints(run: RunSummary) -> Table:
    table = _table("constraint", "asked", "predicted (95%)", "measured", "verdict")
    for row in constraint_rows(run):
        verdict = Text(row.verdict, VERDICTS[row.passed])
        table.add_row(row.name, row.asked, row.predicted, row.measured, verdict)
    return table


def _measurements(run: RunSummary) -> Table:
    table = _table("under the declared load", "p95 ms", "p99 ms", "answers/s", "per 1,000")
    measured = [(item, item.load) for item in run.measurements if item.load is not None]
    for row, (item, load) in zip(measurement_rows(run), measured, strict=True):
        style = "" if item.passed else "red"
        cost = item.usd_per_1000_requests
        table.add_row(
            Text(f"{row.server}, {row.verdict}", style),
            row.p95,
            row.p99,
            figure(load.requests_per_second.value, 3),
            f"${figure(cost.value, 3)}" if cost else "–",
        )
    return table


def _batches(run: RunSummary) -> Table:
    table = _table("in a batch", "requests", "time", "cold start", "answers/s", "per 1,000")
    for row in batch_rows(run):
        style = "" if row.verdict == "held" else "red"
        table.add_row(
            Text(f"{row.server}, {row.verdict}", style),
            row.requests,
            row.seconds,
            row.cold_start,
            row.rate,
            row.usd_per_1000,
        )
    return table


def _accuracies(run: RunSummary) -> Table:
    table = _table("held-out accuracy", "exact answers (95%, sample)")
    for row in accuracy_rows(run):
        style = "bold" if row.is_student else ""
        table.add_row(Text(row.name, style), Text(share(row.accuracy), style))
    if (ratio := headline_ratio(run)) is not None:
        value, bound = ratio
        times = "teacher at zero" if value is None else f"{value:.1f}×"
        table.add_row("student ÷ teacher", f"{times}; closest bounds {bound:.1f}×")
    return table


def _phases(run: RunSummary) -> Table:
    table = _table("state", "time", "cost")
    for phase in run.phases:
        table.add_row(phase.name, duration(phase.seconds), money(phase.cost_usd))
    total = sum(phase.seconds for phase in run.phases)
    table.add_row("total", duration(total), money(run.total_usd), style="bold")
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first, min_width=26)
    for name in others:
        table.add_column(name, justify="right")
    return folded(table)


def print_runs(console: Console, rows: list[RunRow]) -> None:
    """Every run, with what is live and what it costs; where a table would cut words, in lines."""
    titles = ("run", "status", "started", "endpoint", "live since", "until", "a month")
    table = Table(*titles, box=None, pad_edge=False, header_style="dim")
    for row in rows:
        hosting = _hosting(row) if row.live else ("", "", "", "")
        table.add_row(row.run_id, _status(row), _second(row.started_at), *hosting)
    if table.__rich_measure__(console, console.options).minimum <= console.width:
        console.print(table)
    else:
        for row in rows:
            _print_run(console, row, titles[3:])
    live = [usd for row in rows if (usd := usd_per_month(row)) is not None]
    if live:
        console.print(f"{len(live)} live, {money(sum(live))} a month in all")


def _print_run(console: Console, row: RunRow, titles: tuple[str, ...]) -> None:
    say(console, Text.assemble((row.run_id, "bold"), "  ", _status(row)))
    hosting = zip(titles, _hosting(row), strict=True) if row.live else ()
    for title, told in (("started", _second(row.started_at)), *hosting):
        if told:
            say(console, f"  {title} {told}")


def _status(row: RunRow) -> Text:
    if row.awaits_approval:
        since, by = _second(row.awaiting_approval_since), _second(row.approve_by)
        return Text(f"awaits approval since {since}, at most until {by}", "cyan")
    if row.queued:
        return Text(f"queued, {row.queued}", "cyan")
    return Text(row.status, STYLES.get(row.status, ""))


def _hosting(row: RunRow) -> tuple[str, str, str, str]:
    """Endpoint, since when, until when, and what it costs a month."""
    until = "kept until deleted" if row.kept else _second(row.expires_at)
    usd, since = usd_per_month(row), _second(row.in_service_since)
    month = "" if usd is None else money(usd)
    if row.batch_model_name is not None:
        return "none: stratos batch", since, "another run takes over", month
    where = f" in {', '.join(row.serving_regions)}" * bool(row.serving_regions)
    return f"{row.endpoint_name or ''}{where}", since, until, month


def _second(moment: datetime | None) -> str:
    """A moment without its offset, which is that of UTC; empty where there is none."""
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
