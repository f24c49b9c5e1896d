"""Loads on endpoints that there are not."""

from __future__ import annotations

import random
from itertools import count, takewhile

from stratos.contracts.measurements import LoadResult
from stratos.measuring.load import LoadTest, Reply, RequestOutcome, poisson_arrivals, summarise
from tests.fakes import FakeClock


def load_test(rate: float = 20, seconds: float = 30, **changes: object) -> LoadTest[int]:
    asked = count()
    options = {
        "ask": lambda question: Reply(completion_tokens=10, correct=next(asked) % 2 == 0),
        "questions": range(50),
        "requests_per_second": rate,
        "seconds": seconds,
        "clock": FakeClock(),
    }
    return LoadTest(**(options | changes))  # type: ignore[arg-type]


def served(
    rate: float, service_seconds: float, *, num_servers: int = 1, seconds: float = 60.0
) -> LoadResult:
    """A load on a queue: Poisson arrivals, so many servers, each request takes so long."""
    free = [0.0] * num_servers
    outcomes = []
    arrivals = poisson_arrivals(rate, random.Random(11))
    for arrival in takewhile(lambda moment: moment < seconds, arrivals):
        first = free.index(min(free))
        free[first] = max(arrival, free[first]) + service_seconds
        outcomes.append(RequestOutcome(arrival, free[first], Reply(10)))
    return summarise(outcomes, 0.0)
