"""How many jobs share a step."""

from __future__ import annotations

import pytest

from stratos.contracts.shards import Shard
from stratos.sharding.number import (
    MOST_QUESTIONS,
    MOST_SERVERS,
    MOST_SHARDS,
    SERVERS_OF_UNKNOWN_QUOTA,
    Split,
    most_servers,
    shard_step,
    step_of_shard,
)


def test_one_server_has_the_step_to_itself_while_its_memory_suffices() -> None:
    assert Split.of(1, MOST_QUESTIONS) == Split(1, 1)
    assert Split.of(1, MOST_QUESTIONS + 1) == Split(2, 1)


def test_there_are_as_many_jobs_as_servers_and_never_more_than_questions() -> None:
    assert Split.of(3, 1000) == Split(3, 3)
    assert Split.of(3, 2) == Split(2, 2)
    assert Split.of(3, 0) == Split(1, 1)
    assert Split.of(2, 1000 * MOST_QUESTIONS) == Split(MOST_SHARDS, 2)


@pytest.mark.parametrize(("total", "count"), [(10, 3), (2, 3), (0, 2), (60, 7)])
def test_shards_are_every_question_once_and_in_order(total: int, count: int) -> None:
    parts = [Shard(index=index, count=count).of(total) for index in range(count)]
    assert [place for part in parts for place in part] == list(range(total))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_jobs_that_take_turns_at_the_servers_share_the_time() -> None:
    assert Split(4, 4).seconds_each(1000, 100) == 1000
    assert Split(4, 2).seconds_each(1000, 100) == 450
    assert Split(5, 2).seconds_each(1000, 100) == pytest.approx(1100 / 3 - 100)


def test_a_quota_bounds_the_servers_and_an_unknown_one_is_taken_for_small() -> None:
    assert most_servers(2) == 2
    assert most_servers(0) == 1
    assert most_servers(1000) == MOST_SERVERS
    assert most_servers(None) == SERVERS_OF_UNKNOWN_QUOTA


def test_the_longest_name_of_a_job_is_one_that_sagemaker_takes() -> None:
    longest = f"{'r' * 41}-{shard_step('synthesize-a9', MOST_SHARDS - 1)}-9"
    assert len(longest) <= 63


def test_a_shard_is_known_by_its_step() -> None:
    assert step_of_shard(shard_step("evaluate-a1", 12)) == "evaluate-a1"
    assert step_of_shard("evaluate-a1") is None
    assert step_of_shard("probe-s0") is None
