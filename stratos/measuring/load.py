"""Load on an endpoint: open-loop Poisson arrivals, and percentiles with their intervals.

Open loop: requests leave when the schedule says, whether or not earlier ones have come back, and
latency counts from the scheduled moment. A server that stalls pays for the queue it causes. The
load ends at once when so many requests have failed that the gate is missed whatever follows.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from stratos.contracts.measurements import LoadResult, Percentile
from stratos.contracts.plan import Interval
from stratos.hosting.guardrails import MAX_FAILED_SHARE
from stratos.spec.constraints import LONGEST_MEASURE_SECONDS
from stratos.statistics.normal import Z_95

Question = TypeVar("Question")
MAX_IN_FLIGHT = 64
_LONGEST_QUEUE_SECONDS = 60.0
"""After the last arrival; a request that could not leave by then has failed."""
_TAIL = 0.025
"""Probability left on each side of a 95% interval."""
FEWEST_FAILURES = 5
"""A load is not cut short for fewer."""
KEPT_ERRORS = 3
LONGEST_ERROR = 300
_NEVER_LEFT = f"no connection was free for it within {_LONGEST_QUEUE_SECONDS:.0f} s"


class BrokenAnswer(Exception):
    """The model answers with an error, or with what is no answer: no faster server cures it."""


def told(error: Exception) -> str:
    """What a failed request says, on one line."""
    text = " ".join(str(error).split())
    name = "" if isinstance(error, BrokenAnswer) else type(error).__name__
    return ": ".join(filter(None, (name, text)))[:LONGEST_ERROR]


@dataclass(frozen=True)
class Reply:
    """What came back, and whether it is right if there was a gold answer."""

    completion_tokens: int
    correct: bool | None = None
    prompt_tokens: int = 0


class Clock(Protocol):
    def now(self) -> float: ...

    def sleep_until(self, moment: float) -> None: ...


class MonotonicClock:
    """The clock of this machine."""

    def now(self) -> float:
        return time.monotonic()

    def sleep_until(self, moment: float) -> None:
        time.sleep(max(0.0, moment - self.now()))


@dataclass(frozen=True)
class LoadTest(Generic[Question]):
    """One endpoint, the questions to ask it, and how often."""

    ask: Callable[[Question], Reply]
    """Called from several threads; any exception counts as a failed request."""
    questions: Sequence[Question]
    requests_per_second: float
    seconds: float
    """Measured for at least this long, warm-up excluded."""
    least_requests: int = 0
    """Measured for longer until this many were sent."""
    longest_seconds: float = LONGEST_MEASURE_SECONDS
    warm_up_seconds: float = 2.0
    fewest_failures: int = FEWEST_FAILURES
    """The load goes on to its end with fewer, whatever share of it they are."""
    seed: int = 0
    clock: Clock = MonotonicClock()  # noqa: RUF009 - it has no state

    def run(self) -> LoadResult:
        """Send the load and measure, until the end or until too many requests have failed.

        Questions are asked in rounds: none a second time before each was asked once.

        Raises:
            ValueError: when there are no questions.
        """
        if not self.questions:
            raise ValueError("there are no questions to ask; give at least one")
        rng = random.Random(self.seed)
        start = self.clock.now()
        warm = start + self.warm_up_seconds
        moments = [start + arrival for arrival in self._arrivals(rng)]
        failures = _Failures(sum(moment >= warm for moment in moments), self.fewest_failures)
        outcomes = self._send_all(moments, warm, failures, in_rounds(self.questions, rng))
        result = summarise([outcome for outcome in outcomes if outcome.scheduled >= warm], warm)
        total = sum(outcome.answering_seconds for outcome in outcomes)
        return result.model_copy(
            update={
                "warm_up_answering_seconds": total - result.answering_seconds,
                "stopped": len(outcomes) < len(moments),
            }
        )

    def _send_all(
        self,
        moments: Sequence[float],
        warm: float,
        failures: _Failures,
        questions: Iterator[Question],
    ) -> list[RequestOutcome]:
        """Send each request when it is due, and return what became of those that have ended.

        Args:
            warm: Failures count from this moment on.
        """
        given_up = moments[-1] + _LONGEST_QUEUE_SECONDS
        pool = ThreadPoolExecutor(MAX_IN_FLIGHT)
        futures: list[Future[RequestOutcome]] = []
        try:
            for moment, question in zip(moments, questions, strict=False):
                self.clock.sleep_until(moment)
                if failures.too_many:
                    break
                counted = failures if moment >= warm else None
                futures.append(pool.submit(self._send, question, moment, given_up, counted))
            for _ in as_completed(futures):
                if failures.too_many:
                    break
        finally:
            # An endpoint that hangs is not waited for once the gate is missed.
            pool.shutdown(wait=not failures.too_many, cancel_futures=True)
        ended = (future for future in futures if future.done() and not future.cancelled())
        return [future.result() for future in ended]

    def _arrivals(self, rng: random.Random) -> list[float]:
        """When to send, in seconds from the start; at least one is measured."""
        end = self.warm_up_seconds + self.seconds
        longest = self.warm_up_seconds + max(self.seconds, self.longest_seconds)
        arrivals: list[float] = []
        num_measured = 0
        for moment in poisson_arrivals(self.requests_per_second, rng):
            if moment >= longest or (moment >= end and num_measured >= self.least_requests):
                break
            arrivals.append(moment)
            num_measured += moment >= self.warm_up_seconds
        if not num_measured:
            arrivals.append(end)  # a load so rare that chance left nothing to measure
        return arrivals

    def _send(
        self, question: Question, scheduled: float, given_up: float, failures: _Failures | None
    ) -> RequestOutcome:
        """Ask, unless the queue was so long that this request could not leave in time."""
        started = self.clock.now()
        if started > given_up:
            return RequestOutcome(scheduled, started, None, error=_NEVER_LEFT)
        outcome = self._asked(question, scheduled, started)
        if outcome.reply is None and failures is not None:
            failures.add()
        return outcome

    def _asked(self, question: Question, scheduled: float, started: float) -> RequestOutcome:
        reply, error, broken = None, "", False
        try:
            reply = self.ask(question)
        except Exception as caught:  # a failed request, whatever the reason
            error, broken = told(caught), isinstance(caught, BrokenAnswer)
        ended = self.clock.now()
        return RequestOutcome(scheduled, ended, reply, ended - started, error, broken)


class _Failures:
    """Failed requests, counted until it is certain that they are too many.

    Args:
        num_requests: All that are to be sent.
        fewest: It is never certain with fewer.
    """

    def __init__(self, num_requests: int, fewest: int) -> None:
        self._allowed = max(fewest - 1, MAX_FAILED_SHARE * num_requests)
        self._count = 0
        self._lock = threading.Lock()

    def add(self) -> None:
        with self._lock:
            self._count += 1

    @property
    def too_many(self) -> bool:
        return self._count > self._allowed


@dataclass(frozen=True)
class RequestOutcome:
    """One request: when it was due, when it ended, and its reply unless it failed."""

    scheduled: float
    ended: float
    reply: Reply | None
    answering_seconds: float = 0.0
    """Since it was sent, which may be later than it was due; 0 if it never was."""
    error: str = ""
    """Why it failed."""
    broken: bool = False
    """It failed with a `BrokenAnswer`."""


def in_rounds(questions: Sequence[Question], rng: random.Random) -> Iterator[Question]:
    """Every question once in random order, then again, without end."""
    while True:
        yield from rng.sample(questions, len(questions))


def poisson_arrivals(requests_per_second: float, rng: random.Random) -> Iterator[float]:
    """Arrival times of a Poisson process, without end."""
    moment = 0.0
    while True:
        moment += rng.expovariate(requests_per_second)
        yield moment


def requests_needed(q: float) -> int:
    """How many values bound percentile `q` from above: the least n with qⁿ ≤ 2.5%.

    With fewer, all of them may be below it. 72 for the 95th percentile, 368 for the 99th.
    """
    return math.ceil(math.log(_TAIL) / math.log(q))


def summarise(outcomes: Sequence[RequestOutcome], started: float) -> LoadResult:
    """Count and measure; latencies are those of the requests that succeeded."""
    good = [(outcome, outcome.reply) for outcome in outcomes if outcome.reply is not None]
    latencies = sorted((outcome.ended - outcome.scheduled) * 1000 for outcome, _ in good)
    p50, p95, p99 = (percentile(latencies, q) if latencies else None for q in (0.5, 0.95, 0.99))
    seconds = max((outcome.ended for outcome in outcomes), default=started) - started
    per_second = 1 / seconds if seconds > 0 else 0.0
    errors = dict.fromkeys(outcome.error for outcome in outcomes if outcome.error)
    return LoadResult(
        num_requests=len(outcomes),
        num_failed=len(outcomes) - len(good),
        seconds=seconds,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        arrivals_per_second=event_rate([outcome.scheduled for outcome in outcomes], seconds).value,
        answering_seconds=sum(outcome.answering_seconds for outcome in outcomes),
        requests_per_second=event_rate([outcome.ended for outcome, _ in good], seconds),
        tokens_per_second=sum(reply.completion_tokens for _, reply in good) * per_second,
        num_broken=sum(outcome.broken for outcome in outcomes),
        errors=tuple(errors)[:KEPT_ERRORS],
    )


def event_rate(moments: Sequence[float], seconds: float) -> Interval:
    """Events per second from the first to the last, with the 95% interval of a Poisson count.

    Measured between events of one kind, so that the duration of a request does not count: answers
    that keep up with the arrivals have the same rate, only later. Byar's approximation to the exact
    interval (Breslow and Day, Statistical Methods in Cancer Research II, 1987).

    Args:
        seconds: Stands in for the time between if there are not two moments.
    """
    count, span = len(moments) - 1, max(moments, default=0.0) - min(moments, default=0.0)
    if count < 1 or span <= 0:
        count, span = len(moments), seconds
    if span <= 0:
        return Interval(value=0.0, lo=0.0, hi=0.0)
    lo = count * (1 - 1 / (9 * count) - Z_95 / (3 * math.sqrt(count))) ** 3 if count else 0.0
    above = count + 1
    hi = above * (1 - 1 / (9 * above) + Z_95 / (3 * math.sqrt(above))) ** 3
    return Interval(value=count / span, lo=max(0.0, lo) / span, hi=hi / span)


def percentile(ordered: Sequence[float], q: float) -> Percentile:
    """The nearest-rank percentile with a distribution-free 95% interval.

    The interval runs between two order statistics, whose ranks are quantiles of Binomial(n, q)
    (David and Nagaraja, Order Statistics, 7.1). With too few values to bound an end, that end is
    the smallest or the largest value seen, and covers less than 95%.

    Args:
        ordered: At least one value, ascending.
    """
    n = len(ordered)
    below = 0.0  # P(B <= k)
    lower, upper = 1, n
    for k in range(n):
        below += _binomial(n, k, q)
        if below <= _TAIL:
            lower = k + 1
        if below >= 1 - _TAIL:
            upper = k + 1
            break
    rank = max(1, math.ceil(q * n))
    return Percentile(
        value=ordered[rank - 1],
        lo=ordered[min(lower, rank) - 1],
        hi=ordered[max(upper, rank) - 1],
        enough=n >= requests_needed(q),
    )


def _binomial(n: int, k: int, q: float) -> float:
    log_choose = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(log_choose + k * math.log(q) + (n - k) * math.log1p(-q))
