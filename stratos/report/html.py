"""Render `report.html` from a run's summary."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from stratos.dataset.inspection import Inspection
from stratos.look.charts import LimitLine, strip
from stratos.look.pages import environment
from stratos.look.plans import PlanRow, forecast, front_chart, front_limits, plan_rows, setting
from stratos.measuring.gates import SIGNIFICANCE
from stratos.pipeline.summary import RunSummary
from stratos.report.comparisons import comparison_told
from stratos.report.curves import learning_curve, reinforcement_told, reward_curve
from stratos.report.dataset_rows import answer_rows, counted_by, fact_rows, length_rows
from stratos.report.figures import (
    AccuracyRow,
    ComparisonRow,
    accuracy_rows,
    batch_rows,
    comparison_rows,
    duration,
    engine_told,
    measurement_rows,
    money,
    percent,
    share,
    told_moment,
)
from stratos.report.headline import cards, saving_computed
from stratos.report.lineage import lineage
from stratos.report.next_steps import next_steps
from stratos.report.origins import origin_rows
from stratos.report.verdicts import verdict_lines

_STATUS_BADGES = {"succeeded": "good", "failed": "bad", "rejected": "bad"}


def render(run: RunSummary) -> str:
    """Return the whole report as one HTML document; everything in it is inline."""
    pages = environment()
    pages.filters |= {
        "percent": percent,
        "share": share,
        "duration": duration,
        "money": money,
        "moment": told_moment,
        "forecast": lambda found, name: forecast(name, found),
    }
    parts = {
        "verdicts": verdict_lines(run),
        "accuracies": [_AccuracyLine(row, _accuracy_strip(run, row)) for row in accuracy_rows(run)],
        "comparisons": [_ComparisonLine(row, comparison_told(row)) for row in comparison_rows(run)],
        "next_steps": next_steps(run),
        "measurements": measurement_rows(run),
        "batches": batch_rows(run),
        "origins": origin_rows(run),
        "dataset": _dataset(run.dataset) if run.dataset else None,
        "front": front_chart(run.plans, _limits(run)) if run.plans else None,
        "curve": learning_curve(run.training) if run.training else None,
        "rewards": reward_curve(run.training) if run.training else None,
        "reinforced": reinforcement_told(run.training) if run.training else None,
    }
    return pages.get_template("report/report.html.j2").render(
        run=run,
        parts=_titles(run, parts),
        status_badge=_STATUS_BADGES.get(run.status, "open"),
        cards=cards(run),
        saving_computed=saving_computed(run.saving) if run.saving else None,
        steps=[(Markup("<code>{}</code>").format(step), what) for step, what in next_steps(run)],
        significance=SIGNIFICANCE,
        engine=engine_told(run),
        chosen=setting(run.plans.chosen) if run.plans else None,
        plans=plan_rows(run.plans) if run.plans else (),
        plan_name=_plan_name,
        seconds=sum(phase.seconds for phase in run.phases),
        longest=max((phase.seconds for phase in run.phases), default=0.0),
        lineage=lineage(run),
        **parts,
    )


@dataclass(frozen=True)
class _AccuracyLine:
    """A row of accuracies with its interval drawn."""

    row: AccuracyRow
    strip: Markup


@dataclass(frozen=True)
class _ComparisonLine:
    """A row of McNemar's test with its words."""

    row: ComparisonRow
    told: str


def _titles(run: RunSummary, parts: dict[str, object]) -> list[tuple[str, str]]:
    """The sections that this report has: id and title, in their order."""
    learned = run.strategy or run.synthesis or parts["curve"]
    sections = (
        ("summary", "Summary", True),
        ("constraints", "Every constraint", parts["verdicts"]),
        ("next", "Next steps", parts["next_steps"]),
        ("quality", "Quality", parts["accuracies"]),
        ("plans", "The plan, and why not another", parts["front"]),
        ("training", "How it learned", learned),
        ("load", "Under load", parts["measurements"] or parts["batches"]),
        ("dataset", "Dataset", parts["dataset"]),
        ("ledger", "Time and money", run.phases),
        ("lineage", "Where it comes from", True),
    )
    return [(name, title) for name, title, there in sections if there]


def _accuracy_strip(run: RunSummary, row: AccuracyRow) -> Markup:
    found = row.accuracy
    asked = _asked(run).get("min_accuracy") if row.is_student else None
    return strip(
        f"{row.name}: {share(found)}{f', at least {asked:g} asked' if asked else ''}",
        low=0.0,
        high=1.0,
        interval=(found.lo, found.hi),
        value=found.value,
        limit=asked,
    )


def _asked(run: RunSummary) -> dict[str, float]:
    return {outcome.name: outcome.asked for outcome in run.constraints}


def _limits(run: RunSummary) -> list[LimitLine]:
    asked = _asked(run)
    return front_limits(asked.get("max_p95_latency_ms"), asked.get("min_accuracy"))


def _plan_name(row: PlanRow) -> Markup:
    """What a plan is, and beneath it what it does."""
    return Markup('{}<br><span class="small dim">{}</span>').format(
        ", ".join(row.roles), setting(row.plan)
    )


def _dataset(found: Inspection) -> dict[str, object]:
    return {
        "facts": [(row.name, row.found) for row in fact_rows(found)],
        "left_out": found.left_out,
        "answers": answer_rows(found),
        "lengths": length_rows(found),
        "counted_by": counted_by(found),
    }
