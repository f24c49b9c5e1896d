"""A training that is cut ends with a low learning rate, as a whole one does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.training.tiny_training import assert_same_bits, train, weights_of
from training.container.clock import Interruption, JobClock
from training.learning.cool_down import CoolDown, fitting_steps, steps_left


class CountsSteps(JobClock):
    """Has time for so many steps; each time it is asked whether to end, one more was done."""

    def __init__(self, steps: float, stops_after: int | None = None, done: int = 0) -> None:
        super().__init__(deadline_seconds=steps)
        self.asked, self._stops_after = done, stops_after

    @property
    def seconds(self) -> float:
        return float(self.asked)

    def must_end(self, reserve_seconds: float = 0.0) -> Interruption | None:
        if self.asked == self._stops_after:
            return "sigterm"
        ended = super().must_end(reserve_seconds)
        self.asked += ended is None
        return ended


@pytest.mark.parametrize(
    ("done", "seconds", "seconds_left", "steps"),
    [
        (0, 0.0, 100.0, None),
        (9, 9.0, float("inf"), None),
        (70, 70.0, 30.0, None),
        (80, 80.0, 20.0, 19),
        (8, 80.0, 20.0, 1),
    ],
)
def test_the_way_down_takes_the_last_fifth_of_the_time(
    done: int, seconds: float, seconds_left: float, steps: int | None
) -> None:
    assert steps_left(done, seconds, seconds_left) == steps


def test_the_rate_goes_down_in_a_line_to_zero() -> None:
    way_down = CoolDown(80, 100)
    assert [way_down.factor(step) for step in (80, 85, 100)] == [1.0, 0.75, 0.0]


def test_a_training_that_is_cut_ends_at_a_low_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    same_pace(monkeypatch)
    _, outcome = train(planned=60, clock=CountsSteps(20))
    rates = [point.learning_rate for point in outcome.state.curve]
    assert outcome.stopped_by == "deadline"
    assert outcome.state.cools_from == 16
    assert outcome.state.step == outcome.state.cools_to == 19
    assert rates[:16] == rates_of_whole_training()[:16]
    assert rates[16] > rates[17] > rates[18] > 0
    assert rates[18] < 0.5 * rates[15]


def test_a_training_that_has_the_time_keeps_its_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    same_pace(monkeypatch)
    _, outcome = train(planned=60, clock=CountsSteps(80))
    assert outcome.stopped_by == "finished"
    assert outcome.state.cools_to is None
    assert [point.learning_rate for point in outcome.state.curve] == rates_of_whole_training()


def test_a_way_down_that_was_interrupted_goes_on_where_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    same_pace(monkeypatch)
    whole, never = train(tmp_path / "whole", planned=60, clock=CountsSteps(20))
    train(tmp_path / "parts", planned=60, clock=CountsSteps(20, stops_after=17))
    parts, resumed = train(tmp_path / "parts", planned=60, clock=CountsSteps(20, done=17))
    assert resumed.resumed_from_step == 17
    assert resumed.state.cools_to == never.state.cools_to
    assert_same_bits(weights_of(whole), weights_of(parts))


@pytest.mark.parametrize(
    ("seconds", "stopped_by", "last_step"), [(20, "deadline", 17 + 19), (50, "finished", 60)]
)
def test_a_way_down_is_fitted_to_the_deadline_of_the_attempt_that_resumes(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    seconds: int,
    stopped_by: str,
    last_step: int,
) -> None:
    same_pace(monkeypatch)
    _, stopped = train(tmp_path, planned=60, clock=CountsSteps(20, stops_after=17))
    assert (stopped.state.step, stopped.state.cools_to) == (17, 19)
    _, resumed = train(tmp_path, planned=60, clock=CountsSteps(seconds))
    assert (resumed.stopped_by, resumed.state.step) == (stopped_by, last_step)
    rates = [point.learning_rate for point in resumed.state.curve]
    assert rates[17] > rates[-1]
    assert rates[-1] < 0.1 * rates[15]


def same_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each step take a second, as the clock of these tests says."""
    for count in (steps_left, fitting_steps):
        monkeypatch.setattr(
            f"training.learning.trainer.{count.__name__}",
            lambda done, _seconds, seconds_left, count=count: count(
                done, float(done), seconds_left
            ),
        )


def rates_of_whole_training() -> list[float]:
    _, outcome = train(planned=60)
    return [point.learning_rate for point in outcome.state.curve]
