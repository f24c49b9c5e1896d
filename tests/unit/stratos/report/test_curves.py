"""Learning curves."""

from __future__ import annotations

from stratos.report.curves import learning_curve, two_learning_curves
from tests.summaries import succeeded_run

TRAINING = succeeded_run().training


def test_validation_is_drawn_beside_training_where_it_was_measured():
    assert "validation loss" in learning_curve(TRAINING)
    points = tuple(one.model_copy(update={"validation_loss": None}) for one in TRAINING.curve)
    alone = learning_curve(TRAINING.model_copy(update={"curve": points}))
    assert "training loss" in alone
    assert "validation loss" not in alone


def test_a_training_without_points_is_not_drawn():
    assert learning_curve(TRAINING.model_copy(update={"curve": ()})) is None


def test_two_runs_are_two_curves_under_their_names():
    drawn = two_learning_curves({"inbox-1": TRAINING, "inbox-<2>": TRAINING})
    assert drawn.count("<polyline") == 2 * 2  # for two widths
    assert "&lt;2&gt;" in drawn


def test_one_curve_alone_is_no_comparison():
    bare = TRAINING.model_copy(update={"curve": ()})
    assert two_learning_curves({"inbox-1": TRAINING, "inbox-2": bare}) is None
    assert two_learning_curves({"inbox-1": TRAINING}) is None
