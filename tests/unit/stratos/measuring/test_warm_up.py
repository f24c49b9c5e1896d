"""Endpoints whose containers start with their first requests."""

from __future__ import annotations

import threading

import pytest

from stratos.measuring.load import Reply
from stratos.measuring.warm_up import MAX_ROUNDS, warm_up
from tests.fakes import FakeClock


def test_as_many_are_asked_at_the_same_time_as_containers_are_to_start() -> None:
    together = threading.Barrier(8, timeout=600)

    def ask(question: int) -> Reply:
        together.wait()  # goes on only once eight are under way
        return Reply(1)

    warm_up(ask, range(3), 8, FakeClock())
    assert not together.broken


def test_all_are_asked_again_until_every_container_answers() -> None:
    asked: list[int] = []
    lock = threading.Lock()

    def ask(question: int) -> Reply:
        with lock:
            asked.append(question)
            cold = len(asked) <= 3
        if cold:
            raise TimeoutError("still starting")
        return Reply(1)

    assert warm_up(ask, range(3), 3, FakeClock()).answered
    assert sorted(asked) == [0, 0, 1, 1, 2, 2]


def test_one_that_never_answers_is_given_up_after_two_rounds() -> None:
    asked: list[int] = []

    def ask(question: int) -> Reply:
        asked.append(question)
        raise TimeoutError("still starting")

    assert not warm_up(ask, [7], 1, FakeClock()).answered
    assert asked == [7, 7]


def test_one_that_answers_some_at_a_time_has_all_its_rounds() -> None:
    asked: list[int] = []

    def ask(question: int) -> Reply:
        asked.append(question)
        if question == 1:
            raise TimeoutError("still starting")
        return Reply(1)

    assert warm_up(ask, range(2), 2, FakeClock()).answered
    assert sorted(asked) == sorted([0, 1] * MAX_ROUNDS)


def test_the_time_of_failed_requests_counts_too() -> None:
    clock = FakeClock()

    def ask(question: int) -> Reply:
        clock.sleep_until(clock.now() + 60)
        raise TimeoutError("still starting")

    found = warm_up(ask, [7], 1, clock)
    assert found.seconds == found.lasted == pytest.approx(120.0)
