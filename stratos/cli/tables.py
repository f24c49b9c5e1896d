"""What the command line prints of a finished run."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stratos.cli.runs import RunRow
from stratos.report.figures import (
    accuracy_rows,
    constraint_rows,
    duration,
    headline_ratio,
    money,
    share,
)
from stratos.run_summary import RunSummary

STYLES = {"succeeded": "green", "failed": "red", "rejected": "red", "stopped": "yellow"}
VERDICTS = {True: "green", False: "red", None: "dim"}


def print_outcome(console: Console, run: RunSummary) -> None:
    """One table: constraints, accuracies, strategy, and where the time went."""
    console.print(
        Text.assemble(
            (run.run_id, "bold"), " ", (run.status, STYLES.get(run.status, "")), f"  {run.reason}"
        ),
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, justify in (
        ("", "left"), ("asked", "right"), ("predicted (95%)", "right"),
        ("measured", "right"), ("", "left"),
    ):  # fmt: skip
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for constraint in constraint_rows(run):
        verdict = Text(constraint.verdict, VERDICTS[constraint.passed])
        table.add_row(
            constraint.name, constraint.asked, constraint.predicted, constraint.measured, verdict
        )
    table.add_section()
    for accuracy in accuracy_rows(run):
        style = "bold" if accuracy.is_student else ""
        table.add_row(Text(accuracy.name, style), "", "", Text(share(accuracy.accuracy), style))
    if (ratio := headline_ratio(run)) is not None:
        table.add_row("student ÷ teacher", "", "", f"{ratio[0]:.1f}×, bounds {ratio[1]:.1f}×")
    for phase in run.phases:
        table.add_row(phase.name, "", "", duration(phase.seconds), money(phase.cost_usd))
    total = sum(phase.seconds for phase in run.phases)
    table.add_row("total", "", "", duration(total), money(run.total_usd))
    console.print(table)
    if run.strategy:
        console.print(
            f"strategy: Knowledge {run.strategy.choice.title()}: {run.strategy.reason}",
            soft_wrap=True,
        )
    if run.endpoint:
        until = run.endpoint.expires_at or "deleted by hand"
        console.print(f"endpoint: {run.endpoint.name}, until {until}", soft_wrap=True)
    for note in run.notes:
        console.print(note, style="dim", soft_wrap=True)


def print_runs(console: Console, rows: list[RunRow]) -> None:
    """Every run, what is live, and what it costs."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("run", "status", "started", "endpoint", "until", "a month"):
        table.add_column(name)
    for row in rows:
        month = "" if row.usd_per_month is None else money(row.usd_per_month)
        until = "" if not row.live else row.expires_at or "deleted by hand"
        endpoint = row.endpoint_name or "" if row.live else ""
        status = Text(row.status, STYLES.get(row.status, ""))
        table.add_row(row.run_id, status, row.started_at[:19], endpoint, until, month)
    console.print(table)
    live = [row.usd_per_month for row in rows if row.usd_per_month is not None]
    if live:
        console.print(f"{len(live)} live, {money(sum(live))} a month in all")
