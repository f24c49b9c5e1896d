"""Learning curves, of one run or of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from stratos.look.charts import Axis, Line, axis, curves
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


def reward_curve(training: TrainingSummary) -> Markup | None:
    """What share of its own samples was accepted in each step of reinforcement, and the accuracy
    on the questions set aside where it was measured; None without points."""
    reinforced = training.reinforced
    if reinforced is None or not reinforced.curve:
        return None
    points = reinforced.curve
    lines = [Line("reward", [(float(point.step), point.reward) for point in points])]
    measured = [
        (float(point.step), point.validation_accuracy)
        for point in points
        if point.validation_accuracy is not None
    ]
    if reinforced.accuracy_before is not None:
        measured.insert(0, (0.0, reinforced.accuracy_before))
    if measured:
        lines.append(Line("questions set aside", measured, "second"))
    drawn = [point for line in lines for point in line.points]
    highest = max(y for _, y in drawn)
    title = (
        f"Reward curve: the share of samples that were accepted over {reinforced.steps:,} steps, "
        f"{points[-1].reward:.3g} at the end"
    )
    return curves(
        title,
        lines,
        axis("step of reinforcement", [x for x, _ in drawn]),
        Axis("share accepted", 0.0, 1.08 * highest or 1.0),
    )


def reinforcement_told(training: TrainingSummary) -> str | None:
    """How reinforcement went, in a sentence; None without it."""
    found = training.reinforced
    if found is None:
        return None
    told = f"{found.steps:,} of {found.planned_steps:,} steps of reinforcement"
    before, after = found.accuracy_before, found.accuracy_after
    if before is None or after is None:
        return told
    return (
        f"{told}; on {found.validation_questions:,} questions set aside {before:.1%} were right "
        f"before, {after:.1%} with the weights that were kept"
    )


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
