"""A training that its deadline will cut says so, and what would do."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.contracts.distillation import Reinforced
from stratos.contracts.jobs import DistillConfig
from stratos.planning.deadlines import deadline_seconds
from stratos.spec import Constraints
from tests.unit.training.jobs import BASE, STUDENT
from training.container.clock import JobClock
from training.learning.trainer import TrainingOutcome, TrainingState
from training.learning.training_time import TimeCheck, TrainingTime
from training.student.export import gguf_seconds

HOURS = 0.2


def config(**changes: Any) -> DistillConfig:
    """A job that has its half of 0.2 hours."""
    fields = {
        **BASE,
        "student": STUDENT,
        "method": "full",
        "precision": "float32",
        "training": {},
        "deadline_seconds": 0.5 * HOURS * 3600,
        "gguf": ["float16"],
        "forecast_tokens_per_second": 8_000.0,
        "time_limit": {"max_training_hours": HOURS},
    }
    return DistillConfig.model_validate(fields | changes)


def times(**changes: Any) -> TrainingTime:
    of_job = config(**changes)
    return TrainingTime(of_job, files_seconds=gguf_seconds(1_000_000, of_job.gguf))


class Job(JobClock):
    """A job whose time passes with its steps."""

    def __init__(self, deadline: float) -> None:
        super().__init__(deadline)
        self.passed = 12.0

    @property
    def seconds(self) -> float:
        return self.passed


def said(
    step_seconds: float, steps: int, share: float | None = None, **changes: Any
) -> list[str | None]:
    """What is said after each of the first steps of 650."""
    job = Job(config(**changes).deadline_seconds)
    check = TimeCheck(650, times(**changes), job, lambda: share, now=lambda: job.passed)
    told = []
    for step in range(1, steps + 1):
        job.passed += step_seconds
        told.append(check.after(step, 2048 / step_seconds, step_seconds))
    return told


def test_a_cut_is_known_after_the_third_step_of_a_second() -> None:
    first, second, third, *_ = said(1.0, 5)
    assert (first, second) == (None, None)
    assert third is not None
    assert third.startswith("2,048 tokens/s where 8,000 were forecast: step ")
    assert " of 650 will be reached by max_training_hours: 0.2; ask for at least " in third


@pytest.mark.parametrize(("step_seconds", "known"), [(21.5, True), (1.5, False)])
def test_a_first_step_is_judged_alone_where_it_misses_severalfold(
    step_seconds: float, known: bool
) -> None:
    (first,) = said(step_seconds, 1)
    assert (first is not None) == known


def test_the_hours_that_are_asked_for_suffice() -> None:
    told = said(5.0, 3)[-1]
    assert told is not None
    hours = float(told.rpartition(" ")[2])
    enough = deadline_seconds("distill", Constraints(max_training_hours=hours), 0.0, 0.0)
    assert said(5.0, 3, deadline_seconds=enough) == [None] * 3
    assert hours < 1.5 * 2 * (12 + 650 * 5.0) / 3600


def test_a_training_that_will_be_done_says_nothing() -> None:
    assert said(0.2, 40) == [None] * 40


def test_steps_that_get_faster_take_the_word_back() -> None:
    job = Job(360.0)
    check = TimeCheck(650, times(), job, now=lambda: job.passed)
    told = []
    for step, seconds in enumerate([5.0] * 4 + [0.05] * 640, start=1):
        job.passed += seconds
        told.append(check.after(step, 400.0))
    assert told[3] is not None
    assert told[-1] is None


def test_a_busy_machine_is_named() -> None:
    told = said(5.0, 3, share=0.25)[-1]
    assert told is not None
    assert "(other programs take 75% of the CPU)" in told


def test_without_a_limit_the_deadline_is_named() -> None:
    told = said(5.0, 3, time_limit={}, forecast_tokens_per_second=None)[-1]
    assert told is not None
    assert told.startswith("410 tokens/s: step ")
    assert "by its deadline, since max_training_hours is not set" in told


@pytest.mark.parametrize("steps", [0, 3])
def test_each_phase_asks_for_its_steps_and_the_export(steps: int) -> None:
    reinforcement = {"steps": steps, "questions": 4, "samples": 4, "max_new_tokens": 3}
    of_job = times(training={"reinforcement": reinforcement})
    cut = TrainingOutcome(TrainingState(step=70, seconds=280.0), "deadline", None, 381.0)
    hours = of_job.for_all_steps(12.0, cut, 650)
    assert hours is not None
    enough = deadline_seconds("distill", Constraints(max_training_hours=hours), 0.0, 0.0)
    asked = times(training={"reinforcement": reinforcement}, deadline_seconds=enough)
    left = enough - asked.reserve_seconds - asked.reinforcement_seconds
    assert left >= 12.0 + 4.0 * 650


def test_what_was_done_asks_for_nothing() -> None:
    done = TrainingOutcome(TrainingState(step=650, seconds=280.0), "finished", None, 381.0)
    assert times().for_all_steps(12.0, done, 650) is None
    reinforced = Reinforced(
        steps=3,
        planned_steps=3,
        stopped_by="finished",
        resumed_from_step=None,
        seconds=30.0,
        validation_questions=0,
        accuracy_before=None,
        accuracy_after=None,
        curve=(),
    )
    assert times().for_reinforcement(300.0, reinforced) is None
    cut = reinforced.model_copy(update={"planned_steps": 30, "stopped_by": "deadline"})
    hours = times().for_reinforcement(300.0, cut)
    assert hours is not None
    assert hours * 0.5 * 3600 > 300.0 + 300.0
