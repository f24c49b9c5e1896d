"""What the page of one run shows, as rows and charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from stratos.contracts.jobs import ProbeResult
from stratos.look.plans import front_chart, front_limits, plan_rows
from stratos.pipeline.summary import RunSummary
from stratos.report.comparisons import comparison_told
from stratos.report.curves import learning_curve, reinforcement_told, reward_curve
from stratos.report.dataset_rows import fact_rows
from stratos.report.figures import (
    accuracy_rows,
    batch_rows,
    comparison_rows,
    engine_told,
    measurement_rows,
)
from stratos.report.headline import cards, saving_computed
from stratos.report.next_steps import next_steps
from stratos.report.verdicts import verdict_lines
from stratos.ui.run_facts import RunNow


def run_view(
    run: RunNow, summary: RunSummary, final: bool, probes: Sequence[ProbeResult]
) -> dict[str, Any]:
    """Everything that the templates of a run's page ask for.

    Args:
        final: The summary is the run's report; else it is what is known so far.
    """
    return {
        "run": run,
        "row": run.row,
        "summary": summary,
        "final": final,
        # Words for who pays, and reasons for what was missed, are those of a run that is over.
        "cards": cards(summary) if final else (),
        "saving_computed": saving_computed(summary.saving) if final and summary.saving else None,
        "verdicts": verdict_lines(summary),
        "accuracies": accuracy_rows(summary),
        "comparisons": [(row, comparison_told(row)) for row in comparison_rows(summary)],
        "engine": engine_told(summary),
        "measurements": measurement_rows(summary),
        "batches": batch_rows(summary),
        "probes": probes,
        "plans": plan_rows(summary.plans) if summary.plans else [],
        "front": _front(summary),
        "curve": learning_curve(summary.training) if summary.training else None,
        "rewards": reward_curve(summary.training) if summary.training else None,
        "reinforced": reinforcement_told(summary.training) if summary.training else None,
        "dataset": [(each.name, each.found) for each in fact_rows(summary.dataset)]
        if summary.dataset
        else [],
        "next_steps": next_steps(summary) if final else (),
        "seconds": sum(phase.seconds for phase in summary.phases),
        "longest": max((phase.seconds for phase in summary.phases), default=0.0),
    }


def _front(summary: RunSummary) -> Markup | None:
    if summary.plans is None:
        return None
    asked = {each.name: each.asked for each in summary.constraints}
    limits = front_limits(asked.get("max_p95_latency_ms"), asked.get("min_accuracy"))
    return front_chart(summary.plans, limits)
