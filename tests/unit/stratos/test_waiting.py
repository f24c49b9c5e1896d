"""One loop for everything that is waited for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.waiting import every, growing, wait_until, within


class FakeClock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.time = 100.0
        self.naps: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.time += seconds


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_what_is_there_already_is_returned_without_a_pause(clock: FakeClock) -> None:
    assert wait_until(lambda: "here", pauses=every(1), now=clock.now, sleep=clock.sleep) == "here"
    assert clock.naps == []


def test_the_first_true_result_ends_the_wait(clock: FakeClock) -> None:
    results = iter([None, None, "here", "later"])
    seen = wait_until(lambda: next(results), pauses=every(2), now=clock.now, sleep=clock.sleep)
    assert seen == "here"
    assert clock.naps == [2, 2]


def test_a_condition_says_what_is_waited_for_and_the_rest_is_returned_as_it_was(
    clock: FakeClock,
) -> None:
    statuses = iter(["Creating", "Creating", None])
    seen = wait_until(
        lambda: next(statuses),
        lambda status: status != "Creating",
        pauses=every(1),
        now=clock.now,
        sleep=clock.sleep,
    )
    assert seen is None
    assert len(clock.naps) == 2


def test_when_time_runs_out_the_last_result_says_how_far_it_came(clock: FakeClock) -> None:
    numbers = itertools.count()
    seen = wait_until(
        lambda: next(numbers),
        lambda number: number > 99,
        pauses=every(2),
        deadline=within(5, clock.now),
        now=clock.now,
        sleep=clock.sleep,
    )
    assert seen == 3
    assert clock.naps == [2, 2, 1], "the last look is at the deadline, not before or after"


def test_a_deadline_that_has_passed_leaves_one_look(clock: FakeClock) -> None:
    looks: list[None] = []
    deadline = within(-1, clock.now)
    seen = wait_until(
        lambda: looks.append(None), pauses=every(1), deadline=deadline, now=clock.now,
        sleep=clock.sleep,
    )  # fmt: skip
    assert seen is None
    assert len(looks) == 1
    assert clock.naps == []


def test_two_waits_can_share_one_deadline(clock: FakeClock) -> None:
    deadline = within(10, clock.now)
    for _ in range(2):
        wait_until(
            lambda: None, pauses=every(4), deadline=deadline, now=clock.now, sleep=clock.sleep
        )
    assert clock.time == deadline


def test_the_wait_ends_when_there_are_no_more_pauses(clock: FakeClock) -> None:
    assert not wait_until(lambda: False, pauses=[1, 2], now=clock.now, sleep=clock.sleep)
    assert clock.naps == [1, 2]


def test_an_error_of_the_probe_is_not_waited_out(clock: FakeClock) -> None:
    def probe() -> Iterator[None]:
        raise LookupError("it is gone for good")

    with pytest.raises(LookupError, match="gone for good"):
        wait_until(probe, pauses=every(1), now=clock.now, sleep=clock.sleep)
    assert clock.naps == []


@given(
    first=st.floats(0.01, 1),
    by=st.floats(1.01, 3),
    longest=st.floats(1, 60),
)
def test_growing_pauses_never_shrink_and_never_pass_the_longest(
    first: float, by: float, longest: float
) -> None:
    pauses = list(itertools.islice(growing(first, by=by, longest=longest), 30))
    assert pauses[0] == first
    assert pauses == sorted(pauses)
    assert max(pauses) <= longest
