"""The figures that the report and the terminal both show, as rows of text."""

from __future__ import annotations

from dataclasses import dataclass

from stratos.jobs import Proportion
from stratos.run_summary import RunSummary

UNITS = {
    "min_accuracy": "",
    "max_p95_latency_ms": " ms",
    "max_training_hours": " h",
    "max_budget_usd": " USD",
    "max_hosting_usd_per_month": " USD",
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
        return {True: "held", False: "missed", None: "not measured"}[self.passed]


@dataclass(frozen=True)
class AccuracyRow:
    """One model or baseline on the held-out split."""

    name: str
    accuracy: Proportion
    is_student: bool


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


def money(usd: float) -> str:
    """Two decimals, or two significant digits below a cent."""
    return f"${usd:,.2f}" if usd >= 0.01 or usd == 0 else f"${usd:.2g}"


def constraint_rows(summary: RunSummary) -> list[ConstraintRow]:
    rows = []
    for outcome in summary.constraints:
        unit = UNITS.get(outcome.name, "")
        predicted = outcome.predicted
        relation = "≥" if outcome.name.startswith("min_") else "≤"
        rows.append(
            ConstraintRow(
                name=outcome.name,
                asked=f"{relation} {outcome.asked:.4g}{unit}",
                predicted=(
                    f"{predicted.value:.3g} ({predicted.lo:.3g}–{predicted.hi:.3g})"
                    if predicted
                    else "–"
                ),
                measured="–" if outcome.measured is None else f"{outcome.measured:.3g}{unit}",
                passed=outcome.passed,
            )
        )
    return rows


def accuracy_rows(summary: RunSummary) -> list[AccuracyRow]:
    """The student first, then what it must be read beside."""
    rows = []
    if summary.student:
        rows.append(
            AccuracyRow(f"student ({summary.student.name})", summary.student.accuracy, True)
        )
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


def headline_ratio(summary: RunSummary) -> tuple[float, float] | None:
    """Student over teacher: of the point values, and of the closest Wilson bounds."""
    if summary.student is None or summary.teacher is None:
        return None
    student, teacher = summary.student.accuracy, summary.teacher.accuracy
    value = student.value / teacher.value if teacher.value else float("inf")
    return value, student.lo / teacher.hi
