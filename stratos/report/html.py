"""Render `report.html` from a run's summary."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, StrictUndefined, select_autoescape
from markupsafe import Markup

from stratos.contracts.plan import Plan, PlanSet
from stratos.dataset.inspection import Inspection
from stratos.moment import written
from stratos.pipeline.summary import RunSummary, TrainingSummary
from stratos.report.dataset_rows import answer_rows, counted_by, fact_rows, length_rows
from stratos.report.figures import (
    accuracy_rows,
    batch_rows,
    comparison_rows,
    constraint_rows,
    duration,
    engine_told,
    measurement_rows,
    money,
    percent,
    share,
)
from stratos.report.next_steps import next_steps
from stratos.report.origins import origin_rows
from stratos.report.plots import LimitLine, Line, Point, axis, curves, scatter


def render(summary: RunSummary) -> str:
    """Return the whole report as one HTML document; everything in it is inline."""
    environment = Environment(
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "share": share,
        "duration": duration,
        "money": money,
        "written": written,
    }
    source = resources.files("stratos.report").joinpath("report.html.j2").read_text("utf-8")
    return environment.from_string(source).render(
        run=summary,
        constraints=constraint_rows(summary),
        accuracies=accuracy_rows(summary),
        comparisons=comparison_rows(summary),
        engine=engine_told(summary),
        next_steps=next_steps(summary),
        measurements=measurement_rows(summary),
        batches=batch_rows(summary),
        origins=origin_rows(summary),
        dataset=_dataset(summary.dataset) if summary.dataset else None,
        front=Markup(_front(summary.plans, _limits(summary))) if summary.plans else None,
        curve=Markup(_learning_curve(summary.training)) if summary.training else None,
        seconds=sum(phase.seconds for phase in summary.phases),
        longest=max((phase.seconds for phase in summary.phases), default=0.0),
    )


def _dataset(found: Inspection) -> dict[str, object]:
    return {
        "facts": fact_rows(found),
        "left_out": found.left_out,
        "answers": answer_rows(found),
        "lengths": length_rows(found),
        "counted_by": counted_by(found),
    }


def _limits(summary: RunSummary) -> list[LimitLine]:
    asked = {constraint.name: constraint.asked for constraint in summary.constraints}
    limits = []
    if (latency := asked.get("max_p95_latency_ms")) is not None:
        limits.append(LimitLine("x", latency, f"p95 ≤ {latency:g} ms"))
    if (accuracy := asked.get("min_accuracy")) is not None:
        limits.append(LimitLine("y", accuracy, f"accuracy ≥ {accuracy:g}"))
    return limits


def _front(plans: PlanSet, limits: list[LimitLine]) -> str:
    fallbacks = {plan.id for plan in plans.fallbacks}

    def kind(plan: Plan) -> str:
        if plan.id == plans.chosen.id:
            return "chosen"
        return "fallback" if plan.id in fallbacks else "plain"

    shown = {plan.id: plan for plan in (*plans.front, plans.chosen)}.values()
    points = [
        Point(plan.p95_latency_ms.value, plan.accuracy.value, _describe(plan), kind(plan))
        for plan in shown
    ]
    reach = [limit.value for limit in limits if limit.axis == "y"]
    return scatter(
        points,
        axis("p95 latency, ms", [point.x for point in points], logarithmic=True),
        axis("expected accuracy", [*(point.y for point in points), *reach]),
        limits,
    )


def _describe(plan: Plan) -> str:
    training, serving = plan.training, plan.serving
    engine = f"{plan.engine.told}\n" if plan.engine else ""
    return (
        f"{plan.student} from {plan.teacher}, {plan.method} {plan.precision}\n"
        f"train on {training.count}× {training.instance_type}{training.layout}, {training.region}, "
        f"{training.purchase}\nserve on {serving.count}× {serving.instance_type}{serving.layout}, "
        f"{', '.join(plan.regions)}\n"
        f"{engine}"
        f"accuracy {plan.accuracy.value:.3f}, p95 {plan.p95_latency_ms.value:.0f} ms, "
        f"{plan.hours_to_deploy.value:.2f} h, {money(plan.usd_to_deploy.value)} to deploy, "
        f"{money(plan.usd_per_month.value)} a month"
    )


def _learning_curve(training: TrainingSummary) -> str:
    points = [(float(point.step), point.loss) for point in training.curve]
    validation = [
        (float(point.step), point.validation_loss)
        for point in training.curve
        if point.validation_loss is not None
    ]
    if not points:
        return ""
    lines = [Line("training loss", points)]
    if validation:
        lines.append(Line("validation loss", validation, "second"))
    return curves(
        lines,
        axis("step", [x for x, _ in points]),
        axis("loss, nats a token", [y for _, y in (*points, *validation)], logarithmic=True),
    )
