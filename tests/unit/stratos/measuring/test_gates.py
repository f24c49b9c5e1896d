"""What was measured against what was asked."""

from __future__ import annotations

import pytest

from stratos.contracts.plan import Interval
from stratos.measuring.gates import (
    Verdict,
    judge_answers,
    judge_load,
    least_requests,
    too_few,
    usd_per_1000_requests,
)
from stratos.spec import Constraints
from stratos.spec.constraints import LONGEST_MEASURE_SECONDS
from stratos.statistics.wilson import proportion
from tests import factories
from tests.fakes import FakeClock
from tests.summaries import interval
from tests.unit.stratos.measuring.loads import load_test, served


def test_one_thousand_requests_cost_the_hour_by_the_requests_of_one() -> None:
    cost = usd_per_1000_requests(3.6, Interval(value=2, lo=1, hi=4))
    assert cost == Interval(value=0.5, lo=0.25, hi=1.0)
    assert usd_per_1000_requests(3.6, interval(0)) is None


def test_the_gate_holds_the_measured_p95_against_the_constraint() -> None:
    result = load_test().run()
    assert result.p95_ms is not None
    p95 = result.p95_ms.value
    assert judge_load(result, Constraints(max_p95_latency_ms=p95 + 1), 1.0).passed
    slow = result.model_copy(update={"p95_ms": result.p95_ms.model_copy(update={"value": 900.0})})
    verdict = judge_load(slow, Constraints(max_p95_latency_ms=800), 1.0)
    assert verdict.missed == ("max_p95_latency_ms",)
    assert "p95 latency 900 ms" in verdict.reason
    assert "max_p95_latency_ms is 800" in verdict.reason


def test_a_latency_holds_for_the_farthest_origin_although_it_is_measured_at_home() -> None:
    result = load_test().run()
    assert result.p95_ms is not None
    limit = Constraints(max_p95_latency_ms=result.p95_ms.value + 100)
    assert judge_load(result, limit, 1.0, beyond_ms=99).passed
    verdict = judge_load(result, limit, 1.0, beyond_ms=101)
    assert verdict.missed == ("max_p95_latency_ms",)
    assert "and 101 ms to the farthest origin" in verdict.reason


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


def test_measuring_goes_on_until_the_percentile_of_a_constraint_is_bounded() -> None:
    least = least_requests(Constraints(max_p95_latency_ms=800))
    result = load_test(rate=4, seconds=5, least_requests=least).run()
    assert result.num_requests == least == 73
    assert result.p95_ms is not None
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
    assert result.p99_ms is not None
    assert not result.p99_ms.enough
    verdict = judge_load(result, constraints, 1.0)
    assert verdict.passed
    assert f"(not bounded: {result.num_requests} of 368 requests)" in verdict.reason
    assert "too few to bound p99" in str(too_few(result, "max_p99_latency_ms"))


def test_of_a_load_that_was_cut_short_only_failures_are_judged() -> None:
    load = served(5, 0.4).model_copy(  # which would miss the rate
        update={"num_failed": 40, "stopped": True, "errors": ("status 500: gone",)}
    )
    verdict = judge_load(load, Constraints(max_p95_latency_ms=1), 1.0)
    assert verdict.missed == ("failed_requests",)
    assert "more than 1%, and no more were sent: status 500: gone" in verdict.reason


def test_a_load_that_was_cut_short_has_missed_before_its_failures_have_ended() -> None:
    load = served(5, 0.4).model_copy(update={"num_failed": 0, "stopped": True})
    verdict = judge_load(load, Constraints(), 1.0)
    assert (verdict.passed, verdict.missed) == (False, ("failed_requests",))
    assert verdict.reason == "more requests failed than 1%, and no more were sent"


SERVED = factories.engine("q8_0")
VLLM = factories.engine("bfloat16", "vllm")


def test_answers_through_an_engine_that_evaluated_nothing_must_reach_min_accuracy() -> None:
    result = factories.evaluate_result(360, 20, 600)  # through transformers
    asked = Constraints(min_accuracy=0.57)
    verdict = judge_answers(proportion(360, 600), result, VLLM, asked)
    assert verdict.missed == ("min_accuracy",)
    assert "on 600 held-out questions: the lower end misses min_accuracy 0.57" in verdict.reason
    assert judge_answers(proportion(390, 600), result, VLLM, asked).passed


def test_answers_of_the_engine_that_was_evaluated_only_have_to_agree_with_it() -> None:
    result = factories.evaluated_quantised(354, 360)
    asked = Constraints(min_accuracy=0.6)  # CheckQuality has judged that
    assert judge_answers(proportion(350, 600), result, SERVED, asked).passed
    verdict = judge_answers(proportion(300, 600), result, SERVED, asked)
    assert verdict.missed == ("evaluated_accuracy",)
    assert "answers otherwise than what was evaluated" in verdict.reason
    assert "llama.cpp b10566 0.590" in verdict.reason


def test_few_answers_or_none_to_be_judged_prove_no_difference() -> None:
    result = factories.evaluated_quantised(354, 360)
    assert judge_answers(proportion(4, 10), result, SERVED, Constraints()).passed
    assert judge_answers(None, result, SERVED, Constraints(min_accuracy=0.9)).passed


def test_two_verdicts_together_tell_what_was_missed() -> None:
    good, bad = Verdict(passed=True, reason="fast"), Verdict(passed=False, reason="wrong")
    assert (good & good).reason == "fast; fast"
    assert ((good & bad).passed, (good & bad).reason) == (False, "wrong")
