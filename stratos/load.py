"""Load on an endpoint: open-loop Poisson arrivals, and percentiles with honest intervals.

Open loop: requests leave when the schedule says, whether or not earlier ones have come back, and
latency counts from the scheduled moment. A server that stalls is charged for the queue it makes.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from stratos.jobs import LoadResult
from stratos.plan import Interval
from stratos.scoring.wilson import proportion_of

Question = TypeVar("Question")
MAX_IN_FLIGHT = 64
_TAIL = 0.025
"""Probability left on each side of a 95% interval."""


@dataclass(frozen=True)
class Reply:
    """What came back, judged where there was a gold answer."""

    completion_tokens: int
    correct: bool | None = None
    prompt_tokens: int = 0


class Clock(Protocol):
    def now(self) -> float: ...

    def sleep_until(self, moment: float) -> None: ...


class MonotonicClock:
    """Seconds of this machine."""

    def now(self) -> float:
        return time.monotonic()

    def sleep_until(self, moment: float) -> None:
        time.sleep(max(0.0, moment - self.now()))


@dataclass(frozen=True)
class LoadTest(Generic[Question]):
    """One endpoint, the questions it is asked, and how often."""

    ask: Callable[[Question], Reply]
    """Called from several threads; any exception counts as a failed request."""
    questions: Sequence[Question]
    requests_per_second: float
    seconds: float
    warm_up_seconds: float = 2.0
    seed: int = 0
    clock: Clock = MonotonicClock()  # noqa: RUF009 - it has no state

    def run(self) -> LoadResult:
        """Send the load and measure.

        Raises:
            ValueError: when there are no questions.
        """
        if not self.questions:
            raise ValueError("there are no questions to ask; give at least one")
        order = random.Random(self.seed)
        whole = self.warm_up_seconds + self.seconds
        arrivals = poisson_arrivals(self.requests_per_second, whole, order)
        if not arrivals or arrivals[-1] < self.warm_up_seconds:
            arrivals.append(whole)  # so rare a load that chance left nothing to measure
        start = self.clock.now()
        with ThreadPoolExecutor(MAX_IN_FLIGHT) as pool:
            futures = []
            for arrival in arrivals:
                self.clock.sleep_until(start + arrival)
                question = order.choice(self.questions)
                futures.append(pool.submit(self._send, question, start + arrival))
            outcomes = [future.result() for future in futures]
        measured = [
            outcome
            for arrival, outcome in zip(arrivals, outcomes, strict=True)
            if arrival >= self.warm_up_seconds
        ]
        return summarise(measured, start + self.warm_up_seconds)

    def _send(self, question: Question, scheduled: float) -> Outcome:
        try:
            reply: Reply | None = self.ask(question)
        except Exception:  # a failed request, whatever the reason
            reply = None
        return Outcome(scheduled, self.clock.now(), reply)


@dataclass(frozen=True)
class Outcome:
    """One request: when it was due, when it ended, and its reply unless it failed."""

    scheduled: float
    ended: float
    reply: Reply | None


def poisson_arrivals(requests_per_second: float, seconds: float, rng: random.Random) -> list[float]:
    """Arrival times of a Poisson process."""
    arrivals: list[float] = []
    moment = rng.expovariate(requests_per_second)
    while moment < seconds:
        arrivals.append(moment)
        moment += rng.expovariate(requests_per_second)
    return arrivals


def summarise(outcomes: Sequence[Outcome], started: float) -> LoadResult:
    """Count and measure; latencies are those of the requests that succeeded.

    Where none did, they are the times until the failures.
    """
    good = [(outcome, outcome.reply) for outcome in outcomes if outcome.reply is not None]
    timed = [outcome for outcome, _ in good] or outcomes
    latencies = sorted((outcome.ended - outcome.scheduled) * 1000 for outcome in timed)
    seconds = max((outcome.ended for outcome in outcomes), default=started) - started
    judged = [reply.correct for _, reply in good if reply.correct is not None]
    per_second = 1 / seconds if seconds > 0 else 0.0
    return LoadResult(
        num_requests=len(outcomes),
        num_failed=len(outcomes) - len(good),
        seconds=seconds,
        p50_ms=percentile(latencies, 0.5),
        p95_ms=percentile(latencies, 0.95),
        p99_ms=percentile(latencies, 0.99),
        requests_per_second=len(good) * per_second,
        tokens_per_second=sum(reply.completion_tokens for _, reply in good) * per_second,
        accuracy=proportion_of(judged) if judged else None,
    )


def percentile(ordered: Sequence[float], q: float) -> Interval:
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
    return Interval(
        value=ordered[rank - 1],
        lo=ordered[min(lower, rank) - 1],
        hi=ordered[max(upper, rank) - 1],
    )


def _binomial(n: int, k: int, q: float) -> float:
    log_choose = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return math.exp(log_choose + k * math.log(q) + (n - k) * math.log1p(-q))
