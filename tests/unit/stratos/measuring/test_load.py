"""Load tests and what they say of an endpoint."""

from __future__ import annotations

import math
import random
import threading
from itertools import count, islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.measuring.gates import judge_load
from stratos.measuring.load import (
    BrokenAnswer,
    Reply,
    RequestOutcome,
    event_rate,
    in_rounds,
    percentile,
    poisson_arrivals,
    requests_needed,
    summarise,
    told,
)
from stratos.spec import Constraints
from tests.fakes import FakeClock
from tests.unit.stratos.measuring.loads import load_test


class PatientClock(FakeClock):
    """Waits for a request to be on its way before the next one is due."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = threading.Semaphore(1)

    def sleep_until(self, moment: float) -> None:
        self.failed.acquire(timeout=600)
        super().sleep_until(moment)


def test_the_rate_is_held_and_warm_up_left_out() -> None:
    result = load_test().run()
    assert result.num_requests == pytest.approx(600, rel=0.15)
    assert result.num_failed == 0
    assert not result.stopped


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


def test_an_endpoint_that_only_fails_has_no_latency_and_says_why() -> None:
    def ask(question: int) -> Reply:
        raise BrokenAnswer("status 500: no such file")

    result = load_test(ask=ask).run()
    assert result.num_failed == result.num_broken == result.num_requests > 0
    assert result.p50_ms is result.p95_ms is result.p99_ms is None
    assert result.errors == ("status 500: no such file",)
    assert result.tokens_per_second == 0
    verdict = judge_load(result, Constraints(max_p95_latency_ms=1e9), 1.0)
    assert verdict.missed == ("failed_requests",)
    assert "status 500: no such file" in verdict.reason


def test_no_more_is_sent_once_too_many_have_certainly_failed() -> None:
    clock, sent = PatientClock(), count()

    def ask(question: int) -> Reply:
        clock.failed.release()
        next(sent)
        raise ConnectionError("down")

    result = load_test(rate=2, seconds=300, ask=ask, clock=clock).run()
    assert result.stopped
    assert next(sent) < 30  # 1% of some 600, and those under way


def test_a_few_failures_end_no_load() -> None:
    asked = count()

    def ask(question: int) -> Reply:
        if next(asked) in (20, 40):
            raise ConnectionError("down")
        return Reply(1)

    assert not load_test(rate=4, seconds=20, ask=ask).run().stopped
    suspect = load_test(rate=4, seconds=20, ask=ask, fewest_failures=1)
    assert suspect.run().num_failed <= 2


def test_questions_are_asked_in_rounds() -> None:
    asked = list(islice(in_rounds(range(7), random.Random(1)), 21))
    rounds = [asked[i : i + 7] for i in (0, 7, 14)]
    assert all(sorted(each) == list(range(7)) for each in rounds)
    assert rounds[0] != rounds[1]


def test_a_failure_is_told_on_one_line_with_its_kind() -> None:
    assert told(ValueError("a\n  b")) == "ValueError: a b"
    assert told(BrokenAnswer("status 500")) == "status 500"
    assert len(told(ValueError("x" * 9_999))) == 300


def test_a_rare_load_still_measures_one_request() -> None:
    assert load_test(rate=0.001, seconds=2).run().num_requests >= 1


def test_latency_counts_from_the_scheduled_moment() -> None:
    outcomes = [RequestOutcome(scheduled=1.0, ended=3.0, reply=Reply(5))]
    p50 = summarise(outcomes, 1.0).p50_ms
    assert p50 is not None
    assert p50.value == 2000


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


def test_no_questions_are_an_error() -> None:
    with pytest.raises(ValueError, match="no questions"):
        load_test(questions=[]).run()


def test_the_interval_of_a_rate_covers_it_as_often_as_it_says() -> None:
    rng = random.Random(3)
    covered = 0
    for _ in range(400):
        moments = list(islice(poisson_arrivals(4, rng), 60))
        found = event_rate(moments, moments[-1])
        covered += found.lo <= 4 <= found.hi
    assert 0.93 <= covered / 400 <= 0.99


@pytest.mark.parametrize(("q", "needed"), [(0.5, 6), (0.95, 72), (0.99, 368)])
def test_a_percentile_is_claimed_with_enough_values_to_bound_it(q: float, needed: int) -> None:
    assert requests_needed(q) == needed
    values = [float(i) for i in range(needed)]
    assert percentile(values, q).enough
    assert not percentile(values[:-1], q).enough
    assert percentile(values, q).hi == values[-1]


def test_requests_that_could_not_leave_in_a_minute_have_failed_unsent() -> None:
    clock, sent = FakeClock(), []

    def hang(question: int) -> Reply:
        sent.append(question)
        clock.sleep_until(clock.now() + 61)
        raise TimeoutError("no answer")

    result = load_test(200, 5, ask=hang, clock=clock, fewest_failures=10_000).run()
    assert result.num_failed == result.num_requests
    assert len(sent) < result.num_requests / 2
    assert any("no connection was free" in error for error in result.errors)
