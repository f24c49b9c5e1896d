"""Shards' files become those of one job; tests/unit/training/test_shards.py compares the bytes."""

from __future__ import annotations

import pytest

from lambdas.aws.run_files import RunFiles
from lambdas.aws.shard_files import ShardFiles
from lambdas.jobs.merging import merge_evaluation, merge_synthesis
from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import SynthesizeConfig
from stratos.errors import TeacherFailed, TooFewVerifiedRecords
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.jobs.sharded_runs import STEP, leave, matched, result
from tests.unit.stratos.sharding.test_evaluation import result_of as evaluated


def test_records_of_too_low_a_yield_are_not_put_together(account: Account) -> None:
    pipeline = matched(account)
    made = [result(kept=kept, asked=50) for kept in (1, 0, 2)]
    for index, one in enumerate(made):
        leave(account, pipeline, index, one)
    config = RunFiles(pipeline.run).job_config(STEP)
    assert isinstance(config, SynthesizeConfig)
    with pytest.raises(TooFewVerifiedRecords, match="3 of 150 questions"):
        merge_synthesis(ShardFiles(pipeline.run, STEP), made, config)
    folder = RunKeys(pipeline.run.run_id).records_of(0)
    assert account.keys(folder) == [folder + "rejected.jsonl"]


def test_an_evaluation_of_too_few_answers_has_no_result(account: Account) -> None:
    run = matched(account).run
    with pytest.raises(TeacherFailed):
        merge_evaluation(
            ShardFiles(run, "evaluate-a0"), [evaluated("1" * 9, "-" * 9, "1" * 9, "0" * 9)]
        )
    assert not account.keys(RunKeys(run.run_id).job_result("evaluate-a0"))
