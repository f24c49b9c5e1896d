"""Load tests and what they say of an endpoint."""

from __future__ import annotations

import math
import random
from itertools import count, islice, pairwise, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.contracts.measurements import LoadResult
from stratos.measuring.gates import judge_load, least_requests, too_few
from stratos.measuring.load import (
    LoadTest,
    Reply,
    RequestOutcome,
    event_rate,
    percentile,
    poisson_arrivals,
    requests_needed,
    summarise,
)
from stratos.spec import Constraints
from stratos.spec.constraints import LONGEST_MEASURE_SECONDS
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


def test_the_rate_is_held_and_warm_up_left_out() -> None:
    result = load_test().run()
    assert result.num_requests == pytest.approx(600, rel=0.15)
    assert result.num_failed == 0
    assert result.accuracy is not None
    assert result.accuracy.n == result.num_requests


def test_answering_counts_from_when_a_request_is_sent_warm_up_apart() -> None:
    clock, sent = FakeClock(), count()

    def ask(question: int) -> Reply:
        next(sent)
        clock.sleep_until(clock.now() + 0.5)
        return Reply(1)

    result = load_test(rate=1, seconds=60, ask=ask, clock=clock, warm_up_seconds=20).run()
    # The clock is the only thing that threads share, so a request may see another's half second.
    warm_up_requests = next(sent) - result.num_requests
    assert result.answering_seconds >= 0.5 * result.num_requests
    assert result.warm_up_answering_seconds >= 0.5 * warm_up_requests > 0


def test_what_was_never_sent_took_no_answering() -> None:
    late = RequestOutcome(scheduled=0.0, ended=90.0, reply=None)
    slow = RequestOutcome(scheduled=0.0, ended=90.0, reply=Reply(1), answering_seconds=2.0)
    assert summarise([late, slow], 0.0).answering_seconds == 2.0


def test_the_same_seed_sends_the_same_load() -> None:
    def asked(seed: int) -> list[int]:
        questions: list[int] = []
        load_test(
            ask=lambda question: questions.append(question) or Reply(1),
            seed=seed,  # type: ignore[func-returns-value]
        ).run()
        return sorted(questions)

    assert asked(3) == asked(3) != asked(4)


def test_failures_are_counted_and_not_timed() -> None:
    def ask(question: int) -> Reply:
        if question % 10 == 0:
            raise ConnectionError("down")
        return Reply(completion_tokens=1)

    result = load_test(ask=ask).run()
    assert 0 < result.num_failed < result.num_requests / 5
    assert "failed_requests" in judge_load(result, Constraints(), 1.0).missed


def test_an_endpoint_that_only_fails_still_gives_numbers() -> None:
    def ask(question: int) -> Reply:
        raise ConnectionError("down")

    result = load_test(ask=ask).run()
    assert result.num_failed == result.num_requests > 0
    assert math.isfinite(result.p95_ms.value)
    assert result.tokens_per_second == 0


def test_a_rare_load_still_measures_one_request() -> None:
    assert load_test(rate=0.001, seconds=2).run().num_requests >= 1


def test_latency_counts_from_the_scheduled_moment() -> None:
    outcomes = [RequestOutcome(scheduled=1.0, ended=3.0, reply=Reply(5))]
    assert summarise(outcomes, 1.0).p50_ms.value == 2000


def test_arrivals_are_a_poisson_process() -> None:
    arrivals = list(islice(poisson_arrivals(50, random.Random(1)), 10_000))
    gaps = [b - a for a, b in pairwise(arrivals)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert mean == pytest.approx(1 / 50, rel=0.05)
    assert math.sqrt(variance) == pytest.approx(mean, rel=0.1)


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=300).map(sorted),
    st.sampled_from([0.5, 0.95, 0.99]),
)
def test_a_percentile_lies_in_its_interval_and_in_the_data(values: list[float], q: float) -> None:
    found = percentile(values, q)
    assert found.lo <= found.value <= found.hi
    assert {found.lo, found.value, found.hi} <= set(values)
    assert sum(value <= found.value for value in values) >= q * len(values)


def test_the_interval_covers_the_true_percentile_as_often_as_it_says() -> None:
    rng = random.Random(5)
    true_p90 = -math.log(0.1)  # of the unit exponential
    trials = [sorted(rng.expovariate(1) for _ in range(120)) for _ in range(400)]
    covered = sum(
        (found := percentile(values, 0.9)).lo <= true_p90 <= found.hi for values in trials
    )
    assert 0.93 <= covered / len(trials) <= 1.0


def test_the_gate_holds_the_measured_p95_against_the_constraint() -> None:
    result = load_test().run()
    p95 = result.p95_ms.value
    assert judge_load(result, Constraints(max_p95_latency_ms=p95 + 1), 1.0).passed
    slow = result.model_copy(update={"p95_ms": result.p95_ms.model_copy(update={"value": 900.0})})
    verdict = judge_load(slow, Constraints(max_p95_latency_ms=800), 1.0)
    assert verdict.missed == ("max_p95_latency_ms",)
    assert "p95 latency 900 ms" in verdict.reason
    assert "max_p95_latency_ms is 800" in verdict.reason


def test_no_questions_are_an_error() -> None:
    with pytest.raises(ValueError, match="no questions"):
        load_test(questions=[]).run()


# --- throughput -------------------------------------------------------------------------------


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


def test_a_server_that_keeps_up_holds_the_declared_load() -> None:
    result = served(5, 0.15)
    assert result.requests_per_second.value == pytest.approx(result.arrivals_per_second, rel=0.02)
    assert judge_load(result, Constraints(), 1.0).passed


def test_slow_answers_to_many_at_once_are_no_lack_of_throughput() -> None:
    result = served(5, 4.0, num_servers=40)
    assert judge_load(result, Constraints(), 1.0).passed


def test_a_server_that_falls_behind_misses_the_declared_load() -> None:
    result = served(5, 0.4)  # 2.5 requests/s at most
    verdict = judge_load(result, Constraints(), 1.0)
    assert verdict.missed == ("requests_per_second",)
    assert "2.5 requests/s" in verdict.reason


def test_what_one_thousand_requests_cost_follows_from_the_rate_that_was_measured() -> None:
    result = served(5, 0.15)
    at_five = 3.6 / (result.requests_per_second.value * 3.6)  # $3.60 an hour
    assert judge_load(result, Constraints(max_usd_per_1000_requests=at_five), 3.6).passed
    dear = judge_load(result, Constraints(max_usd_per_1000_requests=at_five / 2), 3.6)
    assert dear.missed == ("max_usd_per_1000_requests",)
    assert f"cost ${at_five:.3g}" in dear.reason


def test_the_interval_of_a_rate_covers_it_as_often_as_it_says() -> None:
    rng = random.Random(3)
    covered = 0
    for _ in range(400):
        moments = list(islice(poisson_arrivals(4, rng), 60))
        found = event_rate(moments, moments[-1])
        covered += found.lo <= 4 <= found.hi
    assert 0.93 <= covered / 400 <= 0.99


# --- enough requests --------------------------------------------------------------------------


@pytest.mark.parametrize(("q", "needed"), [(0.5, 6), (0.95, 72), (0.99, 368)])
def test_a_percentile_is_claimed_with_enough_values_to_bound_it(q: float, needed: int) -> None:
    assert requests_needed(q) == needed
    values = [float(i) for i in range(needed)]
    assert percentile(values, q).enough
    assert not percentile(values[:-1], q).enough
    assert percentile(values, q).hi == values[-1]


def test_measuring_goes_on_until_the_percentile_of_a_constraint_is_bounded() -> None:
    least = least_requests(Constraints(max_p95_latency_ms=800))
    result = load_test(rate=4, seconds=5, least_requests=least).run()
    assert result.num_requests == least == 73
    assert result.p95_ms.enough
    assert least_requests(Constraints()) == 0
    assert least_requests(Constraints(max_p99_latency_ms=800)) == 372


def test_measuring_ends_where_so_rare_a_load_would_take_too_long() -> None:
    clock = FakeClock()
    constraints = Constraints(max_p99_latency_ms=10_000_000)
    result = load_test(
        rate=0.1, seconds=5, least_requests=least_requests(constraints), clock=clock
    ).run()
    assert clock.now() <= LONGEST_MEASURE_SECONDS + 2
    assert not result.p99_ms.enough
    verdict = judge_load(result, constraints, 1.0)
    assert verdict.passed
    assert f"(not bounded: {result.num_requests} of 368 requests)" in verdict.reason
    assert "too few to bound p99" in str(too_few(result, "max_p99_latency_ms"))


def test_requests_that_could_not_leave_in_a_minute_have_failed_unsent() -> None:
    clock, sent = FakeClock(), []

    def hang(question: int) -> Reply:
        sent.append(question)
        clock.sleep_until(clock.now() + 61)
        raise TimeoutError("no answer")

    result = load_test(200, 5, ask=hang, clock=clock).run()
    assert result.num_failed == result.num_requests
    assert len(sent) < result.num_requests / 2
