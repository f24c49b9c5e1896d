"""Reinforcement by verifiable rewards, on tiny models."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stratos.contracts.records import Message, TrainingRecord
from stratos.errors import DivergedTraining
from stratos.spec import Regex, Reinforcement, Training
from tests.unit.training.tiny_models import make_model, make_tokenizer
from training.container.clock import JobClock
from training.judging.judge import Judge
from training.learning.checkpoints import Checkpoints
from training.learning.optimizer import Optimizers
from training.learning.reinforce import Reinforcer
from training.learning.rollouts import RolloutSampler, group_advantages, read_questions, set_aside
from training.learning.trainer import TrainingOutcome, TrainingSchedule, TrainingState
from training.models.chat import ChatFormat
from training.models.weights import LocalModel
from training.objectives.losses import generalized_jsd
from training.student.student import Student

BEGINS_EARLY = Judge(Regex(kind="regex", pattern=r"[a-m][\s\S]*"), "####")
LEARNED = TrainingOutcome(TrainingState(step=3, tokens=90), "finished", None, 12.5)
QUICK = {"min_checkpoint_seconds": 0.0, "checkpoint_cost_share": float("inf")}


def make_student(method="full", seed=1):
    tokenizer = make_tokenizer()
    local = LocalModel("tiny", make_model(90, seed=seed), tokenizer, ChatFormat(tokenizer))
    return Student(local, method, "float32", 4, 0)


def make_questions(student, count=40, max_prompt_tokens=256):
    records = [
        TrainingRecord(
            id=str(number),
            messages=(Message(role="user", content=f"{number}?"),),
            completion="so",
            strategy="alignment",
        )
        for number in range(count)
    ]
    return read_questions(records, student, BEGINS_EARLY, max_prompt_tokens)


class EndsAfter(JobClock):
    """Says that SIGTERM came once it has been asked so often."""

    def __init__(self, asked):
        super().__init__(1e9)
        self._left = asked

    def must_end(self, reserve_seconds=0.0):
        self._left -= 1
        return "sigterm" if self._left < 0 else None


def reinforce(
    folder=None,
    *,
    clock=None,
    student=None,
    rate=3e-3,
    judge=BEGINS_EARLY,
    sampler=RolloutSampler,
    **settings,
):
    student = student or make_student()
    chosen = Reinforcement(
        **{"steps": 12, "questions": 8, "samples": 8, "max_new_tokens": 3, **settings}
    )
    learned, aside = set_aside(make_questions(student), set(), 0)
    reinforcer = Reinforcer(
        student,
        sampler(student, judge, chosen, 0, 64),
        learned,
        aside,
        chosen,
        Optimizers(student.trained, Training(), rate),
        TrainingSchedule(chosen.steps, rate, **QUICK),
        400,
        Checkpoints(folder) if folder is not None else None,
        clock or JobClock(1e9),
        lambda *_: None,
    )
    outcome = reinforcer.resume() or LEARNED
    return student, reinforcer.run(outcome), outcome


def assert_same_bits(one, other):
    ours, theirs = one.trainable(), other.trainable()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


rewards = st.lists(st.sampled_from([0.0, 1.0]), min_size=4, max_size=4)


@given(st.lists(rewards, min_size=1, max_size=5))
def test_advantages_are_relative_to_the_group(groups):
    found = group_advantages(torch.tensor(groups))
    for group, advantages in zip(groups, found, strict=True):
        if len(set(group)) == 1:
            assert not advantages.any()
            continue
        assert float(advantages.mean()) == pytest.approx(0.0, abs=1e-6)
        assert float(advantages.std(correction=0)) == pytest.approx(1.0, rel=1e-5)
        assert ((advantages > 0) == (torch.tensor(group) > 0.5)).all()


@pytest.mark.parametrize(("method", "rate"), [("full", 3e-3), ("lora", 2e-2)])
def test_what_is_rewarded_becomes_more_probable(method, rate):
    student, result, _ = reinforce(steps=25, student=make_student(method), rate=rate)
    rewards = [point.reward for point in result.curve]
    assert sum(rewards[:3]) / 3 < 0.45
    assert sum(rewards[-3:]) / 3 > 0.8
    assert result.accuracy_after > result.accuracy_before
    assert (result.steps, result.stopped_by, result.validation_questions) == (25, "finished", 8)
    sampler = RolloutSampler(student, BEGINS_EARLY, Reinforcement(max_new_tokens=3), 0, 64)
    _, aside = set_aside(make_questions(student), set(), 0)
    assert sampler.accuracy(aside, lambda: False) == result.accuracy_after


def test_where_every_sample_is_as_good_nothing_changes():
    always = Judge(Regex(kind="regex", pattern=r"[\s\S]*"), "####")
    student, result, _ = reinforce(steps=3, judge=always)
    assert {point.reward for point in result.curve} == {1.0}
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


def test_samples_follow_from_the_seed_and_the_step():
    student = make_student()
    settings = Reinforcement(questions=4, samples=4, max_new_tokens=3)
    sampler = RolloutSampler(student, BEGINS_EARLY, settings, 0, 64)
    questions = make_questions(student)

    def drawn(step):
        rollout = sampler.draw(questions, step, 400, lambda: False)
        return [batch.tokens.tolist() for batch in rollout.batches], rollout.advantages

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)
    assert sampler.draw(questions, 3, 400, lambda: True) is None


def test_samples_end_with_the_token_that_the_student_chose():
    student = make_student()
    student.local.chat.eos = ends = frozenset(range(1, 60))
    settings = Reinforcement(questions=8, samples=8, max_new_tokens=3, kl_weight=0.1)
    sampler = RolloutSampler(student, BEGINS_EARLY, settings, 0, 64)
    rollout = sampler.draw(make_questions(student), 0, 10_000, lambda: False)
    last = {
        int(row[predicts].tolist()[-1])
        for batch in rollout.batches
        for row, predicts in zip(batch.tokens.roll(-1, dims=1), batch.predicts, strict=True)
    }
    assert len(last & ends) > 1


def test_questions_too_long_to_be_answered_are_not_asked():
    student = make_student()
    questions = make_questions(student, 20)
    shortest = min(len(question.prompt) for question in questions)
    kept = make_questions(student, 20, shortest)
    assert len(kept) == 10
    assert {len(question.prompt) for question in kept} == {shortest}


def test_questions_that_no_record_taught_are_set_aside_first():
    questions = make_questions(make_student())
    unseen = {tuple(questions[index].prompt) for index in (5, 17, 30)}
    learned, aside = set_aside(questions, unseen, 0)
    assert len(aside) == 8
    assert len(learned) == 32
    assert unseen <= {tuple(question.prompt) for question in aside}
