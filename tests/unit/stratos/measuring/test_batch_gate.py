"""What a batch came to, and whether that holds the spec."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.contracts.measurements import BatchResult
from stratos.measuring.batch_gate import (
    batch_result,
    judge_batch,
    read_answers,
)
from tests import factories
from tests.unit.stratos.hosting.batch_jobs import chat, described, job, result


def test_the_cold_start_is_counted_in_the_bill_and_told_apart() -> None:
    found = result()
    assert (found.waited_seconds, found.seconds, found.cold_start_seconds) == (30, 100, 60)
    assert found.requests_per_second == pytest.approx(4 / 40)
    assert found.tokens_per_second == pytest.approx(20 / 40)
    assert found.usd == pytest.approx(0.1)
    assert found.usd_per_1000_requests == pytest.approx(25)
    assert found.cold_start_usd_per_1000_requests == pytest.approx(15)


@pytest.mark.parametrize(
    ("ended", "answered", "cold"), [(3.0, 0, 0.5), (3.0, 1, 1.0), (0.4, 0, 0.4), (3.0, -1, 0.0)]
)
def test_an_answer_within_the_first_second_came_somewhere_in_it(
    ended: float, answered: float, cold: float
) -> None:
    answers = read_answers(chat("a", answered))
    found = batch_result(job(), described(ended), 1, answers)
    assert found.cold_start_seconds == pytest.approx(cold)


def test_a_refused_line_is_a_failed_request_and_keeps_its_place() -> None:
    content = b"\n".join([chat("a\u2028b", 1), b'{"error": {"message": "too long"}}', b"<html>"])
    answers = read_answers(content)
    assert [answer.text for answer in answers] == ["a\u2028b", None, None]
    assert answers[1].error == "too long"
    found = batch_result(job(), described(10), 3, answers, judge=lambda index, said: index == 0)
    assert found.num_failed == 2
    assert found.accuracy is not None
    assert (found.accuracy.n, found.accuracy.value) == (1, 1.0)


def test_a_job_that_never_was_costs_nothing() -> None:
    found = batch_result(job(), None, 3, [], failure="no quota")
    assert (found.num_failed, found.usd, found.seconds) == (3, 0.0, 0.0)
    assert found.usd_per_1000_requests is None


def test_a_failed_job_says_whether_the_model_is_to_blame() -> None:
    reasons = {"status 400: too long": True, "CapacityError: none is free": False}
    for reason, broken in reasons.items():
        assert batch_result(job(), described(10), 3, [], failure=reason).broken == broken


def verdict(batch: BatchResult, **constraints: float) -> Any:
    spec = factories.spec(
        hosting={"mode": "batch"}, constraints=constraints, load={"requests_per_second": 0.05}
    )
    return judge_batch(batch, spec, usd_per_hour=3.6)


def test_a_batch_that_holds_the_spec_tells_its_speed_and_cost() -> None:
    found = verdict(result(), max_usd_per_1000_requests=25.1)
    assert (found.passed, found.missed) == (True, ())
    assert "$15 of it for a cold start of 60 s" in found.reason
    assert "in a batch of 4" in found.reason


def test_each_gate_is_missed_on_its_own() -> None:
    assert verdict(result(num_failed=1)).missed == ("failed_requests",)
    assert verdict(result(failure="it died", num_failed=4)).missed == ("failed_requests",)
    assert verdict(result(requests_per_second=0.04)).missed == ("requests_per_second",)
    cost = verdict(result(), max_usd_per_1000_requests=24.9)
    assert cost.missed == ("max_usd_per_1000_requests",)
    monthly = verdict(result(), max_hosting_usd_per_month=1.0)
    assert monthly.missed == ("max_hosting_usd_per_month",)
