"""Two runs side by side: the same facts of each, and where they differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from stratos.pipeline.summary import RunSummary
from stratos.report.curves import two_learning_curves
from stratos.report.figures import accuracy_rows, constraint_rows, duration, money, share
from stratos.ui.run_facts import RunNow
from stratos.units import count, figure

_NONE = "–"
Side = tuple[RunNow, RunSummary, bool]


@dataclass(frozen=True)
class ComparedFact:
    """One fact of two runs, as text."""

    name: str
    left: str
    right: str

    @property
    def differs(self) -> bool:
        return self.left != self.right


def compared(sides: Sequence[Side]) -> dict[str, Any]:
    """What the page of two runs shows: groups of facts, each with a title."""
    left, right = (summary for _, summary, _ in sides)
    rows = [run.row for run, _, _ in sides]
    outcome = [
        ComparedFact("status", *(row.status for row in rows)),
        ComparedFact("why", left.reason, right.reason),
        *(_fact(name, read, left, right) for name, read in _FACTS.items()),
    ]
    groups = {
        "Outcome": outcome,
        "Constraints": _matched(_constraints(left), _constraints(right)),
        "Held-out accuracy": _matched(_accuracies(left), _accuracies(right)),
        "Time": _matched(
            {phase.name: duration(phase.seconds) for phase in left.phases},
            {phase.name: duration(phase.seconds) for phase in right.phases},
        ),
    }
    trainings = {
        run.row.run_id: summary.training
        for run, summary, _ in sides
        if summary.training is not None
    }
    return {
        "sides": sides,
        "groups": {name: facts for name, facts in groups.items() if facts},
        "curves": two_learning_curves(trainings),
    }


def _fact(
    name: str, read: Callable[[RunSummary], str | None], left: RunSummary, right: RunSummary
) -> ComparedFact:
    return ComparedFact(name, read(left) or _NONE, read(right) or _NONE)


def _matched(left: dict[str, str], right: dict[str, str]) -> list[ComparedFact]:
    names = dict.fromkeys([*left, *right])
    return [ComparedFact(name, left.get(name, _NONE), right.get(name, _NONE)) for name in names]


def _constraints(summary: RunSummary) -> dict[str, str]:
    return {
        row.name: f"{row.asked}; measured {row.measured}: {row.verdict}"
        for row in constraint_rows(summary)
    }


def _accuracies(summary: RunSummary) -> dict[str, str]:
    """By role: the same model may have another name in the other run."""
    return {
        "student" if row.is_student else row.name.partition(" (")[0]: share(row.accuracy)
        for row in accuracy_rows(summary)
    }


def _trained(summary: RunSummary) -> str | None:
    if summary.training is None:
        return None
    server = summary.training.server
    steps = (
        f"{count(summary.training.steps, 'step')}, loss {figure(summary.training.final_loss, 3)}"
    )
    return steps if server is None else f"{steps}, on {server.count}× {server.instance_type}"


def _served(summary: RunSummary) -> str | None:
    if summary.endpoint is None:
        return None
    server = summary.endpoint.server
    return f"{server.count}× {server.instance_type} in {server.region}"


def _p95(summary: RunSummary) -> str | None:
    loads = [item.load for item in summary.measurements if item.load is not None]
    found = loads[-1].p95_ms if loads else None
    return None if found is None else f"{found.value:.0f} ms ({found.lo:.0f}–{found.hi:.0f})"


def _records(summary: RunSummary) -> str | None:
    found = summary.synthesis
    return None if found is None else f"{found.kept:,} kept of {count(found.asked, 'question')}"


_FACTS: dict[str, Callable[[RunSummary], str | None]] = {
    "cost": lambda run: money(run.total_usd),
    "took": lambda run: duration((run.ended_at - run.started_at).total_seconds()),
    "teacher": lambda run: run.teacher.name if run.teacher else None,
    "student": lambda run: run.student.name if run.student else None,
    "strategy": lambda run: run.strategy.choice if run.strategy else None,
    "records": _records,
    "training": _trained,
    "served on": _served,
    "p95 latency": _p95,
    "inputs": lambda run: run.content_hash[:12] if run.content_hash else None,
}
