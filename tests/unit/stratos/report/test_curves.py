"""Learning curves."""

from __future__ import annotations

from stratos.contracts.distillation import RewardPoint
from stratos.report.curves import (
    learning_curve,
    reinforcement_told,
    reward_curve,
    two_learning_curves,
)
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


def reinforced(**changes):
    found = TRAINING.reinforced.model_copy(update=changes)
    return TRAINING.model_copy(update={"reinforced": found})


def test_rewards_are_drawn_with_the_accuracy_on_questions_set_aside():
    drawn = reward_curve(reinforced())
    assert "over 3 steps, 0.3 at the end" in drawn
    assert "questions set aside" in drawn
    assert "questions set aside" not in reward_curve(reinforced(accuracy_before=None))


def test_rewards_that_are_all_zero_are_drawn_too():
    nothing = (RewardPoint(step=1, seconds=1, reward=0.0),)
    assert "<polyline" in reward_curve(reinforced(curve=nothing, accuracy_before=0.0))


def test_a_training_without_reinforcement_has_no_reward_curve_and_says_nothing_of_it():
    without = TRAINING.model_copy(update={"reinforced": None})
    assert reward_curve(without) is None
    assert reinforcement_told(without) is None
    assert reward_curve(reinforced(curve=())) is None


def test_reinforcement_is_told_by_its_steps_and_what_it_gained():
    assert reinforcement_told(reinforced()) == (
        "3 of 4 steps of reinforcement; on 40 questions set aside 25.0% were right before, 50.0% "
        "with the weights that were kept"
    )
    assert reinforcement_told(reinforced(accuracy_after=None)) == ("3 of 4 steps of reinforcement")
