"""Tests wait for progress, not for seconds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.patience import eventually


class Slow:
    """A clock that moves when somebody looks or sleeps."""

    def __init__(self, look_seconds: float = 0.0) -> None:
        self.seconds, self.look_seconds, self.looks = 0.0, look_seconds, 0

    def wait(self, read: Callable[[int], object], **options: object) -> object:
        def look() -> object:
            self.seconds += self.look_seconds
            self.looks += 1
            return read(self.looks)

        return eventually(
            look, now=lambda: self.seconds, sleep=self._sleep, pause=1.0, seconds=10.0, **options
        )

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds


def test_a_wait_goes_on_while_the_thing_moves() -> None:
    slow = Slow()
    assert slow.wait(lambda look: look // 9, is_done=lambda value: value == 40) == 40
    assert slow.seconds > 300


def test_a_wait_for_something_that_stands_still_ends_and_says_what_was_last() -> None:
    slow = Slow()
    with pytest.raises(
        AssertionError, match=r"still None: nothing moved for 10 s; it was at 'Dist"
    ):
        slow.wait(lambda _: None, doing=lambda: "Distill" if slow.looks > 20 else slow.looks)
    assert 30 <= slow.seconds < 40


def test_on_a_machine_ten_times_slower_it_waits_ten_times_longer() -> None:
    slow = Slow(look_seconds=9.0)
    with pytest.raises(AssertionError, match="still 0"):
        slow.wait(lambda _: 0)
    assert slow.seconds >= 90


def test_what_is_there_is_returned_at_once() -> None:
    slow = Slow()
    assert slow.wait(lambda _: "here") == "here"
    assert (slow.seconds, slow.looks) == (0.0, 1)
