"""Load tests and what they say of an endpoint."""

from __future__ import annotations

import math
import random
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.gates import judge_load
from stratos.load import LoadTest, Outcome, Reply, percentile, poisson_arrivals, summarise
from stratos.spec import Constraints
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
    assert not judge_load(result, Constraints()).passed


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
    outcomes = [Outcome(scheduled=1.0, ended=3.0, reply=Reply(5))]
    assert summarise(outcomes, 1.0).p50_ms.value == 2000


def test_arrivals_are_a_poisson_process() -> None:
    arrivals = poisson_arrivals(50, 200, random.Random(1))
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
    assert judge_load(result, Constraints(max_p95_latency_ms=p95 + 1)).passed
    slow = result.model_copy(update={"p95_ms": result.p95_ms.model_copy(update={"value": 900.0})})
    verdict = judge_load(slow, Constraints(max_p95_latency_ms=800))
    assert not verdict.passed
    assert "p95 latency 900 ms" in verdict.reason
    assert "max_p95_latency_ms is 800" in verdict.reason


def test_no_questions_are_an_error() -> None:
    with pytest.raises(ValueError, match="no questions"):
        load_test(questions=[]).run()
