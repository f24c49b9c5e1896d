"""A teacher behind a network: many calls at once, retries, and a budget."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Protocol

from stratos.errors import BudgetExhausted, TeacherFailed
from training.teachers.teacher import Completion, ModelUsage, OnAnswer, Request

_CHARACTERS_PER_TOKEN = 3
"""Low, so that a call is never estimated cheaper than it turns out."""
_REFUSALS_IN_A_ROW = 20
_log = logging.getLogger(__name__)


class Busy(Exception):
    """The call may work later: rate limit, server error, broken or malformed response.

    Attributes:
        retry_after: Seconds the service asked to wait, if it did.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Refused(Exception):
    """This request will never be answered, others may be."""


@dataclass(frozen=True)
class Prices:
    """In US dollars per million tokens."""

    input_usd: float = 0.0
    output_usd: float = 0.0

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        return (prompt_tokens * self.input_usd + completion_tokens * self.output_usd) / 1e6

    def at_most(self, request: Request) -> float:
        """What a request can cost if the answer is as long as it may be."""
        characters = sum(len(message.content) for message in request.messages)
        return self.cost(characters // _CHARACTERS_PER_TOKEN + 16, request.max_new_tokens)


@dataclass(frozen=True)
class Patience:
    """How failed calls are repeated: exponential back-off with full jitter."""

    attempts: int = 7
    base_seconds: float = 0.5
    max_seconds: float = 60.0

    def pause(self, attempt: int, retry_after: float | None) -> float:
        """Seconds before the next attempt; at least what the service asked for, within the cap."""
        ceiling = min(self.max_seconds, self.base_seconds * 2.0**attempt)
        return max(random.uniform(0, ceiling), min(retry_after or 0.0, self.max_seconds))


class Service(Protocol):
    """One call to a service.

    Raises:
        Busy: when it is worth repeating.
        Refused: when this request cannot be answered.
        TeacherFailed: when no request can.
    """

    @property
    def name(self) -> str: ...

    @property
    def prices(self) -> Prices: ...

    def call(self, request: Request) -> Completion: ...


class ServiceTeacher:
    """Calls a service from several threads, and never beyond its budget."""

    def __init__(
        self,
        service: Service,
        *,
        budget_usd: float | None = None,
        concurrency: int = 16,
        patience: Patience | None = None,
    ) -> None:
        """Set up.

        Args:
            budget_usd: A call that could take the spending beyond this is not made.
        """
        self._service, self._budget = service, budget_usd
        self._concurrency, self._patience = concurrency, patience or Patience()
        self._usage, self._ended = ModelUsage(), threading.Event()
        self._refused_in_a_row = 0

    @property
    def name(self) -> str:
        return self._service.name

    @property
    def usage(self) -> ModelUsage:
        return self._usage

    def generate(
        self, requests: Sequence[Request], *, stop: Callable[[], bool], on_answer: OnAnswer
    ) -> list[Completion | None]:
        started = time.monotonic()
        completions: list[Completion | None] = [None] * len(requests)
        pending: dict[Future[Completion], int] = {}
        reserved: dict[int, float] = {}
        self._refused_in_a_row, position, out_of_money = 0, 0, False
        self._ended.clear()
        with ThreadPoolExecutor(self._concurrency) as pool:
            try:
                while pending or (position < len(requests) and not out_of_money and not stop()):
                    while position < len(requests) and len(pending) < self._concurrency:
                        cost = self._service.prices.at_most(requests[position])
                        affordable = self._affords(cost + sum(reserved.values()))
                        # Calls under way may turn out cheaper than what is set aside for them.
                        out_of_money = not affordable and not pending
                        if not affordable or stop():
                            break
                        reserved[position] = cost
                        pending[pool.submit(self._ask, requests[position])] = position
                        position += 1
                    if not pending:
                        break
                    done, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        index = pending.pop(future)
                        del reserved[index]
                        completion = self._result(future)
                        if completion is None:
                            continue
                        completions[index] = completion
                        self._usage.add(completion)
                        on_answer(index, completion)
            finally:
                self._ended.set()
                for future in pending:
                    future.cancel()
                self._usage.seconds += time.monotonic() - started
        if out_of_money:
            self._tell_budget(requests, completions)
        return completions

    def _result(self, future: Future[Completion]) -> Completion | None:
        """Return what a call brought; None where it was refused.

        Raises:
            TeacherFailed: when nothing but refusals has come for a while.
        """
        try:
            completion = future.result()
        except Refused as error:
            self._refused_in_a_row += 1
            _log.warning("%s did not answer a request: %s", self.name, error)
            if self._refused_in_a_row >= _REFUSALS_IN_A_ROW:
                raise TeacherFailed(
                    f"{self.name} refused {self._refused_in_a_row} requests in a row, "
                    f"the last with: {error}"
                ) from error
            return None
        self._refused_in_a_row = 0
        return completion

    def _affords(self, usd: float) -> bool:
        return self._budget is None or self._usage.usd + usd <= self._budget + 1e-12

    def _tell_budget(
        self, requests: Sequence[Request], completions: Sequence[Completion | None]
    ) -> None:
        answered = sum(completion is not None for completion in completions)
        message = (
            f"{self.name} answered {answered} of {len(requests)} requests for "
            f"${self._usage.usd:.4f}; the next could exceed the budget of ${self._budget:.4f}"
        )
        if answered == 0:
            raise BudgetExhausted(f"{message}. Raise constraints.max_budget_usd or ask for less")
        _log.warning("%s", message)

    def _ask(self, request: Request) -> Completion:
        """Call until answered, refused, or out of patience."""
        for attempt in range(self._patience.attempts):
            try:
                return self._service.call(request)
            except Busy as error:
                last = error
            pause = self._patience.pause(attempt, last.retry_after)
            if attempt + 1 < self._patience.attempts and self._ended.wait(pause):
                break
        raise Refused(f"no answer in {attempt + 1} attempts; the last failed with: {last}")
