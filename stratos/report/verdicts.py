"""Every constraint of a run: its verdict, why it is so, and both drawn on one scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from stratos.look.charts import strip
from stratos.pipeline.summary import ConstraintOutcome, RunSummary
from stratos.report.figures import ConstraintRow, constraint_rows, duration, money, percent
from stratos.spec.constraints import LATENCY_PERCENTILES
from stratos.units import dollars, quantity

BADGES = {"held": "good", "missed": "bad"}
"""Verdict → CSS class; any other verdict is open."""


@dataclass(frozen=True)
class VerdictLine:
    """One constraint, for a table."""

    row: ConstraintRow
    why: str
    """Of what is not held: the reason, in words; empty where there is nothing to add."""
    strip: Markup
    """Limit, forecast and measurement on one scale."""

    @property
    def badge(self) -> str:
        return BADGES.get(self.row.verdict, "open")


def verdict_lines(run: RunSummary) -> list[VerdictLine]:
    """One line for each constraint of the spec, in its order."""
    return [
        VerdictLine(row, "; ".join(_why(run, outcome, row)), _strip(outcome, row))
        for outcome, row in zip(run.constraints, constraint_rows(run), strict=True)
    ]


def _strip(outcome: ConstraintOutcome, row: ConstraintRow) -> Markup:
    predicted = outcome.predicted
    ends = [outcome.asked, *((predicted.hi,) if predicted else ())]
    if outcome.measured is not None:
        ends.append(outcome.measured)
    return strip(
        f"{row.name}: asked {row.asked}, forecast {row.predicted}, measured {row.measured}",
        low=0.0,
        high=1.0 if outcome.name == "min_accuracy" else 1.05 * max(ends),
        interval=(predicted.lo, predicted.hi) if predicted else None,
        value=outcome.measured,
        limit=outcome.asked,
    )


def _why(run: RunSummary, outcome: ConstraintOutcome, row: ConstraintRow) -> Iterator[str]:
    """Reasons for a verdict other than `held`, the nearest first."""
    if row.verdict == "held":
        return
    if row.verdict == "not measured":
        if run.status == "succeeded":
            yield "nothing in this run measures it"
        else:
            yield f"the run ended before: {run.reason}"
    elif row.verdict == "too few requests":
        yield (
            "what was measured is within the limit, but too few requests came to be sure of it; "
            "raise load.measure_seconds"
        )
    elif row.verdict == "open":
        yield "within the limit when the run ended, which was before it was done"
    else:
        yield from _why_missed(run, outcome)


def _why_missed(run: RunSummary, outcome: ConstraintOutcome) -> Iterator[str]:
    assert outcome.measured is not None, "what is missed was measured"
    name, over = outcome.name, outcome.measured - outcome.asked
    if name == "min_accuracy":
        yield from _why_inaccurate(run, outcome.asked, outcome.measured)
        return
    beyond = f"{quantity(name, over)} ({over / outcome.asked:.0%}) beyond what was asked"
    if outcome.predicted is not None and outcome.measured > outcome.predicted.hi:
        beyond += ", and more than the forecast thought possible"
    yield beyond
    if name in LATENCY_PERCENTILES or name == "max_usd_per_1000_requests":
        if run.measurements:
            yield f"{run.measurements[-1].plan.student}: {run.measurements[-1].reason}"
    elif name == "max_training_hours" and run.phases:
        longest = max(run.phases, key=lambda phase: phase.seconds)
        yield f"{longest.name} took {duration(longest.seconds)} of it"
    elif name == "max_budget_usd" and run.phases:
        dearest = max(run.phases, key=lambda phase: phase.cost_usd)
        yield f"{dearest.name} cost {money(dearest.cost_usd)} of it"
    elif name == "max_hosting_usd_per_month" and run.endpoint:
        server = run.endpoint.server
        yield f"{server.count} × {server.instance_type} is {dollars(server.usd_per_hour)} an hour"


def _why_inaccurate(run: RunSummary, asked: float, lower: float) -> Iterator[str]:
    student = run.student
    if student is None:
        yield f"the lower end of the interval is {percent(lower)}"
        return
    found = student.accuracy
    if found.value >= asked:
        yield (
            f"{percent(found.value)} were right, which would do, but with {found.n:,} held-out "
            f"records no more than {percent(lower)} is certain; more held-out records narrow that"
        )
    else:
        yield (
            f"{percent(found.value)} were right, {100 * (asked - found.value):.1f} points too few"
        )
    if run.teacher and run.teacher.accuracy.value < asked:
        yield f"the teacher itself is right on {percent(run.teacher.accuracy.value)}"
    if run.training and run.training.cut_short:
        yield run.training.cut_short
    elif run.training and run.training.final_loss > 0 and run.synthesis:
        yield f"it learned from {run.synthesis.kept:,} records; more, or a larger student, may do"
