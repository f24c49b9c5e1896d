"""Reinforcement by verifiable rewards, on tiny models."""

import pytest
import torch

from stratos.errors import DivergedTraining
from stratos.spec import Regex, Reinforcement, Training
from tests.unit.training.processes import CURVE, together
from tests.unit.training.tiny_rollouts import BEGINS_EARLY, make_questions, make_student
from tests.unit.training.tiny_training import EndsAfter, weights_of
from training.container.clock import JobClock
from training.container.world import ALONE
from training.judging.judge import Judge
from training.learning.checkpoints import Checkpoints
from training.learning.optimizer import Optimizers
from training.learning.reinforce import Reinforcer
from training.learning.rollouts import RolloutSampler, set_aside
from training.learning.trainer import TrainingOutcome, TrainingSchedule, TrainingState
from training.objectives.losses import generalized_jsd

LEARNED = TrainingOutcome(TrainingState(step=3, tokens=90), "finished", None, 12.5, 0.8)
QUICK = {"min_checkpoint_seconds": 0.0, "checkpoint_cost_share": float("inf")}


def reinforce(
    folder=None,
    *,
    clock=None,
    student=None,
    rate=3e-3,
    judge=BEGINS_EARLY,
    sampler=RolloutSampler,
    world=ALONE,
    **settings,
):
    student = student or make_student()
    if world.size > 1:
        student.shard()
    chosen = Reinforcement(
        **{"steps": 12, "questions": 8, "samples": 8, "max_new_tokens": 3, **settings}
    )
    learned, aside = set_aside(make_questions(student), set(), 0)
    reinforcer = Reinforcer(
        student,
        sampler(student, judge, chosen, 0, 64, world),
        learned,
        aside,
        chosen,
        Optimizers(student.trained, Training(), rate),
        TrainingSchedule(chosen.steps, rate, **QUICK),
        400,
        Checkpoints(folder) if folder is not None else None,
        clock or JobClock(1e9),
        lambda *_: None,
        world,
    )
    outcome = reinforcer.resume() or LEARNED
    return student, reinforcer.run(outcome), outcome


def assert_same_bits(one, other):
    ours, theirs = one.trainable(), other.trainable()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


@pytest.mark.parametrize(("method", "rate"), [("full", 3e-3), ("lora", 2e-2)])
def test_what_is_rewarded_becomes_more_probable(method, rate):
    student, result, _ = reinforce(steps=25, student=make_student(method), rate=rate)
    rewards = [point.reward for point in result.curve]
    assert sum(rewards[:3]) / 3 < 0.45
    assert sum(rewards[-3:]) / 3 > 0.7
    assert result.accuracy_after > result.accuracy_before
    assert (result.steps, result.stopped_by, result.validation_questions) == (25, "finished", 8)
    sampler = RolloutSampler(student, BEGINS_EARLY, Reinforcement(max_new_tokens=3), 0, 64)
    _, aside = set_aside(make_questions(student), set(), 0)
    assert sampler.accuracy(aside, lambda: False) == result.accuracy_after


def test_where_every_sample_is_as_good_nothing_changes():
    never = Judge(Regex(kind="regex", pattern=r"[^\s\S]"), "####")
    student, result, _ = reinforce(steps=3, judge=never)
    assert {point.reward for point in result.curve} == {0.0}
    assert_same_bits(student, make_student())


@pytest.mark.parametrize("kl_weight", [0.0, 0.1])
@pytest.mark.parametrize("asked", [6, 11])
def test_stopped_and_resumed_equals_never_stopped(tmp_path, kl_weight, asked):
    whole, never, _ = reinforce(tmp_path / "whole", kl_weight=kl_weight)
    _, stopped, _ = reinforce(tmp_path / "parts", kl_weight=kl_weight, clock=EndsAfter(asked))
    assert stopped.stopped_by == "sigterm"
    assert 0 < stopped.steps < 12
    parts, resumed, learned = reinforce(tmp_path / "parts", kl_weight=kl_weight)
    assert resumed.resumed_from_step == stopped.steps
    assert learned == LEARNED
    assert_same_bits(whole, parts)
    plain = [(point.step, point.reward, point.validation_accuracy) for point in never.curve]
    again = [(point.step, point.reward, point.validation_accuracy) for point in resumed.curve]
    assert plain == again
    assert resumed.accuracy_before == never.accuracy_before


def test_a_deadline_that_has_passed_leaves_the_student_as_it_was(tmp_path):
    student, result, _ = reinforce(tmp_path, clock=JobClock(0.0))
    assert (result.steps, result.stopped_by, result.accuracy_before) == (0, "deadline", None)
    assert_same_bits(student, make_student())


class Validated(RolloutSampler):
    """Finds the accuracies of a script, and remembers the weights it was asked about."""

    def __init__(self, student, judge, *rest):
        super().__init__(student, judge, *rest)
        self.script, self.seen = iter([0.3, 0.5, 0.9, 0.7, 0.9]), []
        self._measured = student

    def accuracy(self, questions, stop):
        trainable = self._measured.trainable()
        self.seen.append({name: p.detach().clone() for name, p in trainable.items()})
        return next(self.script)


def test_the_weights_that_did_best_first_are_kept():
    samplers = []

    def make(*arguments):
        samplers.append(Validated(*arguments))
        return samplers[0]

    student, result, _ = reinforce(steps=4, sampler=make)
    assert (result.accuracy_before, result.accuracy_after) == (0.3, 0.9)
    assert [point.validation_accuracy for point in result.curve] == [0.5, 0.9, 0.7, 0.9]
    kept = student.trainable()
    same = [all(torch.equal(kept[name], p) for name, p in one.items()) for one in samplers[0].seen]
    assert same == [False, False, True, False, False]


def test_the_penalty_holds_the_student_near_where_it_came_from():
    prompt = torch.tensor([make_questions(make_student())[0].prompt])

    def distance(**settings):
        student, _, _ = reinforce(**settings)
        with torch.no_grad():
            ours, start = (one.model(prompt).logits[0, -1:] for one in (student, make_student()))
        return float(generalized_jsd(ours, start, beta=1.0))

    assert distance(kl_weight=2.0) < 0.5 * distance(kl_weight=0.0)


def test_a_loss_that_is_no_number_is_named():
    with pytest.raises(DivergedTraining, match=r"training\.reinforcement\.learning_rate"):
        reinforce(steps=2, rate=1e30, kl_weight=0.1)


def in_two(folder=None, clock=None, **settings):
    """Reinforce in two processes; return the first one's weights and the points of its curve."""
    return together(2, one_of_two, folder, clock, settings)


def one_of_two(world, folder, clock, settings):
    # One process alone is asked to end: the other must follow it in the same step.
    asked = clock if world.rank == 1 else None
    student = make_student(settings.get("method", "full"))
    rest = {name: value for name, value in settings.items() if name != "method"}
    student, result, _ = reinforce(folder, clock=asked, student=student, world=world, **rest)
    student.put_together(keep=world.is_first)
    weights = weights_of(student) if world.is_first else {}
    return {name: one.tolist() for name, one in weights.items()}, result


def points_of(result):
    return [(point.step, point.reward, point.validation_accuracy) for point in result.curve]


@pytest.mark.parametrize(
    ("method", "kl_weight", "rate"), [("full", 0.0, 3e-3), ("full", 0.1, 3e-3), ("lora", 0.1, 2e-2)]
)
def test_two_processes_are_rewarded_as_one_is(method, kl_weight, rate):
    settings = {"steps": 6, "kl_weight": kl_weight, "rate": rate}
    alone, expected, _ = reinforce(student=make_student(method), **settings)
    weights, result = in_two(method=method, **settings)
    assert points_of(result) == points_of(expected)
    assert (result.accuracy_before, result.accuracy_after) == (
        expected.accuracy_before,
        expected.accuracy_after,
    )
    for name, values in weights_of(alone).items():
        torch.testing.assert_close(torch.tensor(weights[name]), values, **CURVE)


@pytest.mark.parametrize("asked", [9, 14])
def test_stopped_and_resumed_in_two_processes_equals_never_stopped(tmp_path, asked):
    settings = {"steps": 6, "kl_weight": 0.1}
    weights, never = in_two(tmp_path / "whole", **settings)
    _, stopped = in_two(tmp_path / "parts", EndsAfter(asked), **settings)
    assert stopped.stopped_by == "sigterm"
    assert 0 < stopped.steps < 6
    again, resumed = in_two(tmp_path / "parts", **settings)
    assert resumed.resumed_from_step == stopped.steps
    assert again == weights
    assert points_of(resumed) == points_of(never)


def test_what_two_processes_began_one_finishes(tmp_path):
    settings = {"steps": 6, "kl_weight": 0.1}
    _, never, _ = reinforce(**settings)
    _, stopped = in_two(tmp_path, EndsAfter(11), **settings)
    assert 0 < stopped.steps < 6
    _, resumed, learned = reinforce(tmp_path, **settings)
    assert learned == LEARNED
    assert points_of(resumed) == points_of(never)
