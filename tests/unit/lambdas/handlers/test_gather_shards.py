"""Gather…: after a round of the jobs that share a step."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.handlers import gather_shards
from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import EvaluateResult
from stratos.errors import ShardsFailed
from stratos.pipeline.sharded import ShardedJob
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.jobs.sharded_runs import matched
from tests.unit.lambdas.pipeline import Pipeline, call
from tests.unit.stratos.sharding.test_evaluation import CONSTANT, STUDENT, TEACHER, UNTUNED
from tests.unit.stratos.sharding.test_evaluation import result_of as evaluated


def gather(pipeline: Pipeline, told: list[dict[str, Any]]) -> dict[str, Any]:
    sharded = pipeline.state["match"]["evaluation_shards"]
    return call(gather_shards.handler, run=pipeline.run, sharded=sharded, outcomes=told)


def test_an_evaluation_in_three_parts_is_read_as_one(account: Account) -> None:
    pipeline = matched(account)
    for index in range(3):
        part = slice(8 * index, 8 * index + 8)
        result = evaluated(STUDENT[part], TEACHER[part], UNTUNED[part], CONSTANT[part])
        account.put_result(pipeline.run, f"evaluate-a0-s{index}", result)
    told = [{"step": f"evaluate-a0-s{index}", "attempt": 0} for index in range(3)]
    assert ShardedJob.model_validate(gather(pipeline, told)).num_jobs == 0
    key = RunKeys(pipeline.run.run_id).job_result("evaluate-a0")
    merged = EvaluateResult.model_validate_json(account.read(key))
    assert (merged.student.successes, merged.student.n) == (18, 24)
    assert len(merged.examples) == 8


def test_a_part_that_is_missing_is_named(account: Account) -> None:
    pipeline = matched(account)
    with pytest.raises(ShardsFailed, match="3 of 3 jobs that share evaluate-a0"):
        gather(pipeline, [])
