"""This engine's own trainer on SmolLM2-135M-Instruct."""

from __future__ import annotations

from typing import Literal

import torch

from benchmarks.apart import Measured
from benchmarks.distill_real_data import (
    LEARNING_RATE,
    WRITTEN,
    StepTimes,
    disturb,
    draw_steps,
    load_teacher,
    num_steps,
    precision,
)
from benchmarks.real_weights import smollm2
from stratos.planning.forecast.devices import micro_tokens
from stratos.spec import Training, Weights
from training.container.clock import JobClock
from training.learning.on_policy import OnPolicyPlan
from training.learning.optimizer import Optimizers
from training.learning.trainer import Trainer, TrainingSchedule
from training.objectives.objective import GoldTokens, Objective
from training.objectives.teacher_distribution import TeacherDistribution
from training.student.batches import BatchPlan, StepPlan, TokenizedExample, micro_batches
from training.student.student import Student, load_student

RANK = 16


class GivenSteps(BatchPlan):
    """The same records in the same steps as every contender."""

    def __init__(self, steps: list[list[TokenizedExample]]) -> None:
        records = [record for step in steps for record in step]
        longest = max(len(record.tokens) for record in records)
        tokens = sum(len(record.tokens) for record in steps[0])
        self._steps = steps
        super().__init__(
            records,
            batch_tokens=tokens,
            micro_tokens=micro_tokens("cpu", tokens, longest, 1),
            seed=0,
        )

    def examples(self, index: int) -> list[TokenizedExample]:
        return self._steps[index]


def on_policy_ours() -> Measured:
    """The student writes, the teacher scores, one update; reverse KL."""
    training = Training(kd_weight=1.0, jsd_beta=1.0, on_policy_fraction=1.0)
    student, plan = _student("full"), GivenSteps(draw_steps(WRITTEN))
    # Each sample has all its tokens, as the peer's.
    student.local.chat.eos = frozenset()
    objective = _distribution(training)
    return _train(student, OnPolicyPlan(plan, student, training), training, objective) | {
        "loss_given": _given_loss(training, objective, plan)
    }


def records_ours() -> Measured:
    """Given records and a teacher that is asked in every step; JSD with a weight of one half."""
    training = Training(kd_weight=1.0, jsd_beta=0.5)
    return _train(_student("full"), GivenSteps(draw_steps()), training, _distribution(training))


def sft_full_ours() -> Measured:
    return _train(_student("full"), GivenSteps(draw_steps()), Training(), GoldTokens())


def sft_lora_ours() -> Measured:
    return _train(_student("lora"), GivenSteps(draw_steps()), Training(), GoldTokens())


def _student(method: Literal["full", "lora"]) -> Student:
    student = load_student(
        Weights(path="smollm2"), str(smollm2()), method, precision(), lora_rank=RANK, seed=0
    )
    if method == "full":
        disturb(student.trained)
    return student


def _distribution(training: Training) -> TeacherDistribution:
    teacher = load_teacher()
    return TeacherDistribution(teacher, training, int(teacher.model.config.vocab_size))


def _train(student: Student, plan: StepPlan, training: Training, objective: Objective) -> Measured:
    times, losses = StepTimes(), list[float]()

    def note(_state: object, loss: float, _speed: float) -> None:
        times.note()
        losses.append(loss)

    Trainer(
        student,
        plan,
        [],
        objective,
        Optimizers(student.trained, training, LEARNING_RATE),
        TrainingSchedule(num_steps(), LEARNING_RATE),
        None,
        JobClock(1e9),
        note,
    ).run()
    return times.measured(first_loss=losses[0], final_loss=losses[-1])


@torch.no_grad()
def _given_loss(training: Training, objective: Objective, plan: GivenSteps) -> float:
    """The loss of an untrained student on completions that every contender is given."""
    student = _student("full")
    batches = micro_batches(plan.examples(0), plan.micro_tokens, gold=False)
    with student.autocast():
        total = sum(float(student.loss(one, objective.loss_of(one))) for one in batches)
    return total / sum(len(one.targets) for one in batches)
