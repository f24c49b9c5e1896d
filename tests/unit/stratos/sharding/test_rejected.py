"""Rejected attempts are kept in a sample that ends, and that shards draw together."""

from __future__ import annotations

import pytest

from stratos.contracts.records import SampledAttempt
from stratos.sharding.rejected import MOST_OF_A_REASON, RejectedSample


def attempt(number: int, reason: str = "wrong answer") -> SampledAttempt:
    return SampledAttempt(
        id=f"r{number}",
        question="2+2?",
        completion=str(number),
        strategy="alignment",
        attempts=1,
        reason=reason,
    )


def sampled(attempts: list[SampledAttempt]) -> list[SampledAttempt]:
    sample = RejectedSample()
    for one in attempts:
        sample.add(one)
    return sample.attempts()


def test_each_reason_has_its_own_share_and_the_frequent_one_comes_first() -> None:
    shown = sampled([attempt(0, "cut"), *map(attempt, range(1000))])
    assert [one.reason for one in shown] == ["wrong answer"] * MOST_OF_A_REASON + ["cut"]


def test_late_attempts_are_as_likely_as_early_ones() -> None:
    late = sum(int(one.completion) >= 500 for one in sampled(list(map(attempt, range(1000)))))
    assert 10 < late < 40


@pytest.mark.parametrize("count", [2, 3, 7])
def test_the_sample_of_the_samples_of_shards_is_the_sample_of_all(count: int) -> None:
    attempts = [attempt(n, "cut" if n % 3 else "wrong answer") for n in range(500)]
    shards = [sampled(attempts[index::count]) for index in range(count)]
    merged = RejectedSample()
    for one in (one for shard in shards for one in shard):
        merged.add(one)
    assert merged.attempts({"cut": 333, "wrong answer": 167}) == sampled(attempts)


def test_an_attempt_that_was_made_twice_is_counted_twice() -> None:
    assert len(sampled([attempt(1)] * 60)) == MOST_OF_A_REASON
