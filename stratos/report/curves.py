"""Learning curves, of one run or of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from stratos.look.charts import Line, axis, curves
from stratos.pipeline.summary import TrainingSummary


def learning_curve(training: TrainingSummary) -> Markup | None:
    """Loss over steps, and that on held-back records where it was measured; None without points."""
    if not training.curve:
        return None
    lines = [Line("training loss", _losses(training))]
    validation = [
        (float(point.step), point.validation_loss)
        for point in training.curve
        if point.validation_loss is not None
    ]
    if validation:
        lines.append(Line("validation loss", validation, "second"))
    last = training.curve[-1].loss
    title = f"Learning curve: the loss over {training.steps:,} steps, {last:.3g} at the end"
    return _drawn(title, lines)


def two_learning_curves(trainings: Mapping[str, TrainingSummary]) -> Markup | None:
    """Training losses of two runs in one drawing, each under the last part of its run's id.

    None unless both have points.
    """
    named = zip(trainings.items(), ("first", "second"), strict=False)
    lines = [
        Line(run_id.rpartition("-")[2], _losses(training), kind)
        for (run_id, training), kind in named
        if training.curve
    ]
    if len(lines) < 2:
        return None
    return _drawn("Learning curves: the training losses of both runs over their steps", lines)


def _losses(training: TrainingSummary) -> list[tuple[float, float]]:
    return [(float(point.step), point.loss) for point in training.curve]


def _drawn(title: str, lines: Sequence[Line]) -> Markup:
    points = [point for line in lines for point in line.points]
    return curves(
        title,
        lines,
        axis("step", [x for x, _ in points]),
        axis("nats a token", [y for _, y in points], logarithmic=True),
    )
