"""What the jobs that share a step are told."""

from __future__ import annotations

import pytest

from lambdas.aws.run_files import RunFiles
from lambdas.gathering.model_pool import model_pool
from lambdas.jobs.distillation import DistillationJobs, Share
from lambdas.jobs.factory import JobFactory
from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import EvaluateConfig, SynthesizeConfig
from stratos.planning.deadlines import MIN_SECONDS
from stratos.sharding.number import Split
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.jobs.sharded_runs import manifest, matched
from tests.unit.lambdas.pipeline import start


def test_one_server_has_each_step_to_itself_by_default(account: Account) -> None:
    pipeline = start(account).until_matched()
    match = pipeline.state["match"]
    assert (match["synthesis_shards"], match["evaluation_shards"]) == (None, None)
    assert not [key for key in account.keys(RunKeys(pipeline.run.run_id).jobs) if "-a0-s0" in key]


def test_each_shard_has_its_part_its_folder_and_its_share_of_the_money(account: Account) -> None:
    pipeline = matched(account, max_budget_usd=30)
    files, keys = RunFiles(pipeline.run), RunKeys(pipeline.run.run_id)
    sharded = pipeline.state["match"]["synthesis_shards"]
    assert (sharded["num_shards"], sharded["num_jobs"], sharded["at_once"]) == (3, 3, 3)
    alone = files.job_config("synthesize-a0")
    assert isinstance(alone, SynthesizeConfig)
    assert alone.shard is None
    jobs = manifest(account, sharded)
    configs = [files.job_config(job.step) for job in jobs]
    budgets = []
    for index, (job, config) in enumerate(zip(jobs, configs, strict=True)):
        assert isinstance(config, SynthesizeConfig)
        assert config.shard is not None
        assert (config.shard.index, config.shard.count) == (index, 3)
        assert config.records_uri.endswith(keys.records_of_shard(f"synthesize-a0-s{index}"))
        assert job.result_uri.endswith(keys.job_result(f"synthesize-a0-s{index}"))
        assert job.checkpoint_config["S3Uri"].endswith(keys.checkpoints(job.step))
        assert config.deadline_seconds == alone.deadline_seconds
        budgets.append(config.budget_usd or 0.0)
    assert sum(budgets) == pytest.approx(sharded["budget_usd"])
    assert alone.budget_usd == sharded["budget_usd"]
    assert len({job.name for job in jobs}) == 3


def test_evaluation_is_shared_on_the_same_settings(account: Account) -> None:
    pipeline = matched(account)
    files = RunFiles(pipeline.run)
    jobs = manifest(account, pipeline.state["match"]["evaluation_shards"])
    alone = files.evaluate_config(0)
    for index, job in enumerate(jobs):
        config = files.job_config(job.step)
        assert isinstance(config, EvaluateConfig)
        assert config.shard is not None
        told = {"shard", "result_uri", "progress_uri"}
        assert config.model_dump(exclude=told) == alone.model_dump(exclude=told)
        assert config.shard.index == index


def test_the_plan_says_how_many_servers_share_a_step_and_why(account: Account) -> None:
    plan = matched(account).evidence().plan
    assert (plan.synthesis_servers, plan.evaluation_servers) == (3, 3)
    [why] = [caveat for caveat in plan.caveats if "servers_per_step" in caveat]
    assert why.startswith("synthesis over 3 servers, as constraints.servers_per_step says")
    assert "4 more starts of ml.local" in why


def test_a_shard_has_time_to_work_however_many_take_turns(account: Account) -> None:
    run = start(account).until_matched().run
    spec, split = RunFiles(run).spec(), Split(num_shards=10_000, at_once=1)
    jobs = DistillationJobs(JobFactory(run, spec), RunFiles(run).match(), model_pool(run, spec))
    made = jobs.evaluate(None, share=Share(split.shards[0], split))
    assert RunFiles(run).job_config(made.step).deadline_seconds == MIN_SECONDS
