"""Waking an endpoint whose containers start with the requests that need them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from stratos.measuring.load import Clock, Question, Reply

MAX_ROUNDS = 3
"""A round lasts as long as SageMaker waits for an answer: a minute. An endpoint that has not woken
up after this many is measured as it is."""
_SILENT_ROUNDS = 2
"""After so many without a single answer there is nothing to wait for."""


@dataclass(frozen=True)
class WarmUp:
    """How an endpoint woke up.

    Attributes:
        seconds: Of answering, all requests together.
        lasted: Seconds from the first request to the last answer.
        answered: One request at least was answered, or none was sent.
    """

    seconds: float = 0.0
    lasted: float = 0.0
    answered: bool = True


def warm_up(
    ask: Callable[[Question], Reply], questions: Sequence[Question], at_once: int, clock: Clock
) -> WarmUp:
    """Ask this many questions at once, and repeat until none of them fails.

    Requests in flight together each need a container, so none is left to start later.

    Args:
        questions: At least one; asked again where there are fewer than `at_once`.
    """

    def answered(question: Question) -> tuple[bool, float]:
        sent, good = clock.now(), False
        with suppress(Exception):  # too cold, or too many at once: the next round may do
            ask(question)
            good = True
        return good, clock.now() - sent

    asked = [questions[number % len(questions)] for number in range(at_once)]
    started, seconds, answers = clock.now(), 0.0, 0
    with ThreadPoolExecutor(at_once) as pool:
        for number in range(1, MAX_ROUNDS + 1):
            outcomes = list(pool.map(answered, asked))
            seconds += sum(taken for _, taken in outcomes)
            answers += sum(good for good, _ in outcomes)
            silent = answers == 0 and number >= _SILENT_ROUNDS
            if silent or all(good for good, _ in outcomes):
                break
    return WarmUp(seconds, clock.now() - started, answers > 0)
