"""What trackers are told, and what a job does not wait for."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from training.tracking.tracker import Feed, Status, Tracking, TrainingPoint


class Notebook:
    """A tracker that keeps what it is given, unless it is down."""

    name = "a notebook"

    def __init__(self) -> None:
        self.down = False
        self.points: list[TrainingPoint] = []
        self.status: Status | None = None

    def keep(self, points: Sequence[TrainingPoint]) -> None:
        if self.down:
            raise ConnectionRefusedError("nobody listens")
        self.points += points

    def end(self, status: Status) -> None:
        if self.down:
            raise ConnectionRefusedError("nobody listens")
        self.status = status


def point(step: int) -> TrainingPoint:
    return TrainingPoint(step, 1000.0 + step, {"loss": 1 / step})


def test_what_is_noted_reaches_every_tracker_in_order_with_its_time() -> None:
    first, second = Notebook(), Notebook()
    with Tracking((first, second), now=lambda: 7.0) as tracking:
        tracking.note(1, loss=2.0)
        tracking.note(2, loss=1.0, validation_loss=1.5)
    assert first.points == second.points
    assert [(one.step, one.at, dict(one.figures)) for one in first.points] == [
        (1, 7.0, {"loss": 2.0}),
        (2, 7.0, {"loss": 1.0, "validation_loss": 1.5}),
    ]
    assert first.status == "finished"


def test_a_training_that_fails_is_told_as_one() -> None:
    notebook = Notebook()

    def train() -> None:
        with Tracking((notebook,)) as tracking:
            tracking.note(1, loss=1.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert (notebook.status, len(notebook.points)) == ("failed", 1)


def test_points_of_a_tracker_that_is_down_wait_for_it_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notebook = Notebook()
    notebook.down = True
    feed = Feed(notebook, interval_seconds=10)
    for step in (1, 2, 3):
        feed.put(point(step))
        feed.deliver()
    assert feed.pause_seconds == 80
    notebook.down = False
    feed.put(point(4))
    feed.deliver()
    assert [one.step for one in notebook.points] == [1, 2, 3, 4]
    assert feed.pause_seconds == 10
    assert caplog.messages == [
        "a notebook cannot be told of the training, which goes on; it is tried again: "
        "ConnectionRefusedError: nobody listens"
    ]


def test_a_tracker_that_stays_down_keeps_no_more_than_a_bounded_number_of_points() -> None:
    notebook = Notebook()
    notebook.down = True
    feed = Feed(notebook)
    for step in range(1, 25_001):
        feed.put(point(step))
    feed.deliver()
    notebook.down = False
    feed.deliver()
    assert [notebook.points[0].step, notebook.points[-1].step] == [5_001, 25_000]


def test_a_job_does_not_wait_for_a_tracker_that_hangs(caplog: pytest.LogCaptureFixture) -> None:
    hangs, well = threading.Event(), Notebook()

    class Hanging(Notebook):
        def keep(self, points: Sequence[TrainingPoint]) -> None:
            hangs.wait()

    with Tracking((well, Hanging()), patience_seconds=0.2) as tracking:
        tracking.note(1, loss=1.0)
    assert len(well.points) == 1
    assert any("did not take its last points" in message for message in caplog.messages)
    hangs.set()
