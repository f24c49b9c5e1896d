"""Answers of an endpoint to held-out questions, judged: each question counts once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic

from stratos.measuring.load import Clock, Question, Reply
from stratos.statistics.wilson import Proportion, proportion_of


class JudgedAnswers(Generic[Question]):
    """Asks, and keeps the verdict on the first answer to each question.

    Under load a question may be asked again. Its second answer is not a second sample.

    Args:
        ask: Called from several threads.
    """

    def __init__(self, ask: Callable[[Question], Reply]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._verdicts: dict[int, bool | None] = {}
        """By the identity of the question, whose owner keeps it alive."""

    def ask(self, question: Question) -> Reply:
        """Ask one question; raises what asking raises."""
        reply = self._ask(question)
        with self._lock:
            self._verdicts.setdefault(id(question), reply.correct)
        return reply

    def ask_the_rest(
        self, questions: Sequence[Question], at_once: int, until: float, clock: Clock
    ) -> float:
        """Ask every question that was not answered yet, as far as time allows.

        A failed request is not judged: the load has counted and judged failures.

        Args:
            at_once: Requests under way together.
            until: No request leaves after this moment of the clock.

        Returns:
            Seconds of answering, all requests together.
        """

        def answer(question: Question) -> float:
            started = clock.now()
            if started >= until:
                return 0.0
            with suppress(Exception):
                self.ask(question)
            return clock.now() - started

        asked = self._judged()
        left = [question for question in questions if id(question) not in asked]
        with ThreadPoolExecutor(at_once) as pool:
            return sum(pool.map(answer, left))

    @property
    def accuracy(self) -> Proportion | None:
        """Of the answers that could be judged; None if there is none."""
        judged = [verdict for verdict in self._judged().values() if verdict is not None]
        return proportion_of(judged) if judged else None

    def _judged(self) -> dict[int, bool | None]:
        """A copy: requests that nobody waits for any more may still be answered."""
        with self._lock:
            return dict(self._verdicts)
