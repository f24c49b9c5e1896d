"""The figures that the report and the terminal both show, as rows of text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from stratos.contracts.measurements import Percentile
from stratos.contracts.plan import Interval
from stratos.hosting.modes.table import mode_named
from stratos.pipeline.summary import RunSummary
from stratos.spec.constraints import LATENCY_PERCENTILES
from stratos.spec.default_budget import CHOSEN
from stratos.statistics.mcnemar import Comparison
from stratos.statistics.wilson import Proportion
from stratos.units import dollars, figure

UNITS = {
    "min_accuracy": "",
    "max_p50_latency_ms": " ms",
    "max_p95_latency_ms": " ms",
    "max_p99_latency_ms": " ms",
    "max_training_hours": " h",
    "max_budget_usd": " USD",
    "max_hosting_usd_per_month": " USD",
    "max_usd_per_1000_requests": " USD",
}


@dataclass(frozen=True)
class ConstraintRow:
    name: str
    asked: str
    predicted: str
    measured: str
    passed: bool | None

    @property
    def verdict(self) -> str:
        if self.passed is not None:
            return "held" if self.passed else "missed"
        if self.measured == "–":
            return "not measured"
        return "too few requests" if self.name in LATENCY_PERCENTILES else "open"


@dataclass(frozen=True)
class MeasurementRow:
    """One endpoint under the declared load; latencies in ms."""

    plan: str
    server: str
    requests: str
    p50: str
    p95: str
    p99: str
    rate: str
    usd_per_1000: str
    verdict: str


@dataclass(frozen=True)
class BatchRow:
    """One batch: how long it took, how much of that was the server's start, and its bill."""

    plan: str
    server: str
    requests: str
    seconds: str
    cold_start: str
    rate: str
    bill: str
    usd_per_1000: str
    verdict: str


@dataclass(frozen=True)
class AccuracyRow:
    """One model or baseline on the held-out split."""

    name: str
    accuracy: Proportion
    is_student: bool


@dataclass(frozen=True)
class ComparisonRow:
    """McNemar's test of a model against another one on the same questions."""

    name: str
    compared: Comparison


def percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def share(proportion: Proportion) -> str:
    """`57.2% (53.1–61.2, n=600)`."""
    return (
        f"{percent(proportion.value)} ({100 * proportion.lo:.1f}–{100 * proportion.hi:.1f}, "
        f"n={proportion.n})"
    )


def duration(seconds: float) -> str:
    """`8.3 s`, `2 min 05 s` or `1 h 12 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d} min"


def told_moment(moment: datetime) -> str:
    """`2026-11-24 08:00 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def money(usd: float) -> str:
    """`$1,251`, `$63.51`, or two significant digits below a cent."""
    return dollars(usd)


def constraint_rows(summary: RunSummary) -> list[ConstraintRow]:
    rows = []
    for outcome in summary.constraints:
        unit = UNITS.get(outcome.name, "")
        predicted = outcome.predicted
        relation = "≥" if outcome.name.startswith("min_") else "≤"
        rows.append(
            ConstraintRow(
                name=outcome.name,
                asked=f"{relation} {figure(outcome.asked)}{unit}" + CHOSEN * outcome.by_default,
                predicted=interval(predicted) if predicted else "–",
                measured="–"
                if outcome.measured is None
                else f"{figure(outcome.measured, 3)}{unit}",
                passed=outcome.passed,
            )
        )
    return rows


def accuracy_rows(summary: RunSummary) -> list[AccuracyRow]:
    """The student first, then what to compare it with."""
    rows = []
    served = summary.served
    if summary.student:
        name = f"student ({summary.student.name})"
        if served and served.precision:
            name = f"{name} in {served.precision} through {served.scored_through}"
        rows.append(AccuracyRow(name, summary.student.accuracy, True))
    if served and served.beside:
        name = f"the same in {served.beside.precision}"
        rows.append(AccuracyRow(name, served.beside.accuracy, False))
    if summary.teacher:
        name = f"teacher ({summary.teacher.name})"
        rows.append(AccuracyRow(name, summary.teacher.accuracy, False))
    if summary.untuned_student:
        rows.append(AccuracyRow("untuned student", summary.untuned_student, False))
    rows += [
        AccuracyRow(name.replace("_", " "), accuracy, False)
        for name, accuracy in sorted(summary.baselines.items())
    ]
    return rows


def comparison_rows(summary: RunSummary) -> list[ComparisonRow]:
    """Of the student as it is served, then of the same weights in the other precision."""
    rows = [ComparisonRow("student", compared) for compared in summary.comparisons]
    if (served := summary.served) and served.beside:
        who = f"the same in {served.beside.precision}"
        rows += [ComparisonRow(who, compared) for compared in served.beside.comparisons]
    return rows


def engine_told(summary: RunSummary) -> str | None:
    """What answers, and what it is told; None for a run of before engines were planned."""
    if summary.served is None or (engine := summary.served.engine) is None:
        return None
    return engine.told


def measurement_rows(summary: RunSummary) -> list[MeasurementRow]:
    """Every endpoint that was measured, in the order they were tried; batches have other rows."""
    rows = []
    for item in summary.measurements:
        load, server, cost = item.load, item.plan.serving, item.usd_per_1000_requests
        if load is None:
            continue
        rate, arrivals = interval(load.requests_per_second), figure(load.arrivals_per_second, 3)
        fleet = f"{server.count}× {server.instance_type}{server.layout}"
        rows.append(
            MeasurementRow(
                plan=f"{item.plan.id} ({item.plan.student})",
                server=fleet if mode_named(item.mode).on_instances else item.mode,
                requests=f"{load.num_requests} ({load.num_failed} failed)",
                p50=latency(load.p50_ms),
                p95=latency(load.p95_ms),
                p99=latency(load.p99_ms),
                rate=f"{rate} of {arrivals}",
                usd_per_1000=f"${interval(cost)}" if cost else "–",
                verdict="held" if item.passed else f"missed {', '.join(item.missed)}",
            )
        )
    return rows


def batch_rows(summary: RunSummary) -> list[BatchRow]:
    """Every batch that was measured, in the order they were tried."""
    return [
        BatchRow(
            plan=f"{item.plan.id} ({item.plan.student})",
            server=f"1× {item.plan.serving.instance_type}",
            requests=f"{item.batch.num_requests} ({item.batch.num_failed} failed)",
            seconds=duration(item.batch.seconds),
            cold_start=(
                "–"
                if item.batch.cold_start_seconds is None
                else duration(item.batch.cold_start_seconds)
            ),
            rate=figure(item.batch.requests_per_second, 3),
            bill=money(item.batch.usd),
            usd_per_1000=(
                "–"
                if item.batch.usd_per_1000_requests is None
                else money(item.batch.usd_per_1000_requests)
            ),
            verdict="held" if item.passed else f"missed {', '.join(item.missed)}",
        )
        for item in summary.measurements
        if item.batch is not None
    ]


def latency(found: Percentile | None) -> str:
    """`211 (195–240)`; with an open end if too few requests came to bound it."""
    if found is None:
        return "–"
    return f"{found.value:,.0f} ({found.lo:,.0f}–{f'{found.hi:,.0f}' if found.enough else ''})"


def interval(found: Interval) -> str:
    """`0.6 (0.48–0.72)`."""
    return f"{figure(found.value, 3)} ({figure(found.lo, 3)}–{figure(found.hi, 3)})"


def headline_ratio(summary: RunSummary) -> tuple[float | None, float] | None:
    """Student over teacher: of the point values, if there is a ratio, and of the closest bounds.

    The bounds are those of the 95% Wilson intervals.
    """
    if summary.student is None or summary.teacher is None:
        return None
    student, teacher = summary.student.accuracy, summary.teacher.accuracy
    value = student.value / teacher.value if teacher.value else None
    return value, student.lo / teacher.hi
