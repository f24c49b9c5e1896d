"""A teacher behind a network: many calls at once, retries, and a budget."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from stratos.errors import BudgetExhausted, TeacherFailed
from training.teachers.metering import Prices
from training.teachers.purse import Purse
from training.teachers.teacher import Charge, Completion, ModelUsage, OnAnswer, Request

_REFUSALS_IN_A_ROW = 20
_POLL_SECONDS = 0.25
"""How long a stop may go unseen while calls are under way."""
_GRACE_SECONDS = 5.0
"""For calls under way when asking stops: they are paid for, answered or not."""
_log = logging.getLogger(__name__)


class Busy(Exception):
    """The call may work later: rate limit, server error, broken or malformed response.

    Attributes:
        retry_after: Seconds the service asked to wait, if it did.
        billed: What the service may charge for it, if anything.
    """

    def __init__(
        self, reason: str, retry_after: float | None = None, *, billed: Charge | None = None
    ) -> None:
        super().__init__(reason)
        self.retry_after, self.billed = retry_after, billed


class Refused(Exception):
    """This request will never be answered, others may be.

    Attributes:
        billed: What the service charges for it all the same, if anything.
    """

    def __init__(self, reason: str, *, billed: Charge | None = None) -> None:
        super().__init__(reason)
        self.billed = billed


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


@runtime_checkable
class Interruptible(Protocol):
    """A service that can give a call up half-way."""

    def end_when(self, ended: Callable[[], bool]) -> None:
        """Give up calls under way once `ended` is true; they are `Busy` then."""
        ...


class ServiceTeacher:
    """Calls a service from several threads, and never beyond its budget."""

    def __init__(
        self,
        service: Service,
        *,
        budget_usd: float | None = None,
        concurrency: int = 16,
        patience: Patience | None = None,
        grace_seconds: float = _GRACE_SECONDS,
    ) -> None:
        """Set up.

        Args:
            budget_usd: A call that could take the spending beyond this is not made.
            grace_seconds: How long calls under way may still take when asking stops.
        """
        self._service, self._purse = service, Purse(budget_usd)
        self._concurrency, self._patience = concurrency, patience or Patience()
        self._grace_seconds = grace_seconds
        self._stopping, self._ended = threading.Event(), threading.Event()
        self._refused_in_a_row = 0
        if isinstance(service, Interruptible):
            service.end_when(self._ended.is_set)

    @property
    def name(self) -> str:
        return self._service.name

    @property
    def usage(self) -> ModelUsage:
        return self._purse.usage

    def generate(
        self, requests: Sequence[Request], *, stop: Callable[[], bool], on_answer: OnAnswer
    ) -> list[Completion | None]:
        started = time.monotonic()
        completions: list[Completion | None] = [None] * len(requests)
        pending: dict[Future[Completion | None], int] = {}
        self._refused_in_a_row, position, out_of_money = 0, 0, False
        self._stopping.clear()
        self._ended.clear()
        with ThreadPoolExecutor(self._concurrency) as pool:
            try:
                while pending or (position < len(requests) and not out_of_money and not stop()):
                    while position < len(requests) and len(pending) < self._concurrency:
                        if stop():
                            break
                        request = requests[position]
                        if not self._purse.set_aside(
                            position, self._service.prices.at_most(request)
                        ):
                            # Calls under way may turn out cheaper than what is set aside for them.
                            out_of_money = not pending
                            break
                        pending[pool.submit(self._ask, request)] = position
                        position += 1
                    if not pending:
                        break
                    for future in self._await_some(pending, stop):
                        index = pending.pop(future)
                        self._purse.release(index)
                        completion = self._result(future)
                        if completion is None:
                            continue
                        completions[index] = completion
                        self._purse.add(completion)
                        on_answer(index, completion)
            finally:
                self._stopping.set()
                self._ended.set()
                for future, index in pending.items():
                    future.cancel()
                    self._purse.release(index)
                self._purse.usage.seconds += time.monotonic() - started
        if out_of_money:
            self._purse.usage.unpaid += len(requests) - position
            self._tell_budget(requests, completions)
        return completions

    def _await_some(
        self, pending: dict[Future[Completion | None], int], stop: Callable[[], bool]
    ) -> set[Future[Completion | None]]:
        """Wait until calls have ended. Once `stop` is true, those that last longer are given up."""
        while True:
            done, _ = wait(pending, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            if done:
                return done
            if stop() and not self._stopping.is_set():
                self._stopping.set()
                wait(pending, timeout=self._grace_seconds)
                self._ended.set()

    def _result(self, future: Future[Completion | None]) -> Completion | None:
        """Return what a call brought; None where it was refused, or given up.

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

    def _tell_budget(
        self, requests: Sequence[Request], completions: Sequence[Completion | None]
    ) -> None:
        answered = sum(completion is not None for completion in completions)
        message = (
            f"{self.name} answered {answered} of {len(requests)} requests for "
            f"${self.usage.usd:.4f}; the next could exceed the budget of "
            f"${self._purse.budget_usd:.4f}"
        )
        if answered == 0:
            raise BudgetExhausted(f"{message}. Raise constraints.max_budget_usd or ask for less")
        _log.warning("%s", message)

    def _ask(self, request: Request) -> Completion | None:
        """Call until answered or refused, or out of patience or money; None once asking stops."""
        for attempt in range(self._patience.attempts):
            try:
                return self._service.call(request)
            except Busy as error:
                last = error
            except Refused as error:
                if error.billed is not None:
                    self._purse.charge(error.billed)
                raise
            if last.billed is not None and not self._purse.charge(last.billed):
                raise Refused(f"there is no money to ask again; the last call failed with: {last}")
            pause = self._patience.pause(attempt, last.retry_after)
            if attempt + 1 < self._patience.attempts and self._stopping.wait(pause):
                return None
        if self._ended.is_set():
            return None
        raise Refused(f"no answer in {attempt + 1} attempts; the last failed with: {last}")
