"""What a lost job leaves: money for tokens to the next, and a trace for the next round."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.sagemaker.models import sagemaker_backends

from lambdas.aws.run_files import RunFiles
from lambdas.aws.shard_files import ShardFiles
from lambdas.handlers import diagnose_job
from lambdas.jobs.spending import token_usd
from stratos.contracts.bucket import RunKeys
from stratos.contracts.regions import JobElsewhere
from stratos.moment import now
from stratos.pipeline.steps import TrainingJob
from tests import factories
from tests.unit.lambdas.conftest import REGION, Account
from tests.unit.lambdas.jobs.sharded_runs import manifest, matched
from tests.unit.lambdas.pipeline import Pipeline, call, start

AWAY = "eu-west-1"
STEP = "evaluate-a0"
PAID = {"kind": "openai", "base_url": "https://models.example/v1", "model": "m"}


def hand_over(
    pipeline: Pipeline, account: Account, job: dict[str, Any], status: str = "InProgress"
) -> dict[str, Any]:
    """An evaluation with a paid teacher in another region, which has told of $0.01 so far."""
    keys = RunKeys(pipeline.run.run_id)
    key = keys.job_config(job["step"]) + "config.json"
    account.put(key, json.dumps(json.loads(account.read(key)) | {"teacher": PAID}))
    account.put(keys.job_progress(job["step"]), factories.progress(usd=0.01).model_dump_json())
    known = JobElsewhere(
        name=job["name"],
        step=job["step"],
        region=AWAY,
        handed_over_at=now(),
        seen_at=now(),
        max_seconds=60,
        status=status,
    )
    account.put(keys.job_elsewhere(job["name"]), known.model_dump_json())
    return job | {"region": AWAY}


def silent(pipeline: Pipeline, job: dict[str, Any]) -> dict[str, Any]:
    failure = {"Error": "States.HeartbeatTimeout", "Cause": ""}
    return call(diagnose_job.handler, run=pipeline.run, job=job, failure=failure)


def money(pipeline: Pipeline, step: str = STEP) -> tuple[float, float]:
    """What a step has spent, and what it may spend."""
    config = RunFiles(pipeline.run).job_config(step)
    assert config.budget_usd is not None
    return config.spent_usd, config.budget_usd


def test_a_lost_job_counts_as_if_it_paid_all_that_it_was_given(account: Account) -> None:
    pipeline = start(account, constraints={"max_budget_usd": 30}).until_matched()
    job = hand_over(pipeline, account, pipeline.state["match"]["evaluate"])
    _, budget = money(pipeline)
    silent(pipeline, job)
    assert money(pipeline) == pytest.approx((budget, budget))
    assert token_usd(pipeline.run, STEP) == pytest.approx(budget)


def test_the_next_attempt_has_no_more_than_the_run_has_beside_the_lost_one(
    account: Account,
) -> None:
    pipeline = start(account, constraints={"max_budget_usd": 30}).until_matched()
    job = hand_over(pipeline, account, pipeline.state["match"]["evaluate"])
    key = RunKeys(pipeline.run.run_id).job_config(STEP) + "config.json"
    account.put(key, json.dumps(json.loads(account.read(key)) | {"budget_usd": 20}))
    silent(pipeline, job)
    spent, left = money(pipeline)
    assert spent == 20
    assert left == pytest.approx(10, abs=0.05)  # without what the lost server may cost
    assert spent + left <= 30


@pytest.mark.parametrize(
    ("copies", "word"), [({"usd": 30.0}, "max_budget_usd 30"), ({"copying_hours": 9.0}, "9.0 h of")]
)
def test_copies_to_the_next_region_need_their_money_and_their_time(
    account: Account, copies: dict[str, float], word: str
) -> None:
    limits = {"max_budget_usd": 30, "max_training_hours": 9}
    pipeline = start(account, constraints=limits).until_matched()
    key = RunKeys(pipeline.run.run_id).match
    evidence = json.loads(account.read(key))
    chosen = evidence["matching"]["plan"]
    cheap = {
        "region": "eu-central-1",
        "input_bytes": 1.0,
        "output_bytes": 1.0,
        "copying_hours": 0.01,
        "usd": 0.01,
        "waiting_hours": 0.0,
    }
    server = chosen["training"] | {"region": "eu-central-1", "instance_type": "ml.g5.xlarge"}
    job = hand_over(pipeline, account, pipeline.state["match"]["evaluate"])
    reasons = []
    for elsewhere in (cheap, cheap | copies):
        more = [chosen | {"training": server, "elsewhere": elsewhere}]
        plans = evidence["matching"]["plans"] | {"front": more}
        told = evidence | {"matching": evidence["matching"] | {"plans": plans}}
        account.put(key, json.dumps(told))
        asked = RunFiles(pipeline.run).job_config(STEP).servers
        diagnosis = silent(pipeline, job)
        RunFiles(pipeline.run).change_job_config(STEP, {"servers": asked})
        reasons.append((diagnosis["retry"], diagnosis["reason"]))
    assert [retried for retried, _ in reasons] == [True, False]
    assert word in reasons[1][1]


def test_a_job_whose_end_is_known_has_paid_what_it_said(account: Account) -> None:
    pipeline = start(account, constraints={"max_budget_usd": 30}).until_matched()
    job = hand_over(pipeline, account, pipeline.state["match"]["evaluate"], status="Failed")
    _, budget = money(pipeline)
    silent(pipeline, job)
    assert money(pipeline) == pytest.approx((0.01, budget - 0.01))


def test_a_lost_shard_leaves_the_others_what_it_may_not_have_paid(account: Account) -> None:
    pipeline = matched(account, max_budget_usd=30)
    [first, *_] = manifest(account, pipeline.state["match"]["evaluation_shards"])
    job = hand_over(pipeline, account, first.model_dump(mode="json"))
    _, budget = money(pipeline, first.step)
    silent(pipeline, job)
    assert money(pipeline, first.step) == pytest.approx((budget, 0.0))


def test_the_next_round_knows_the_last_attempt_of_a_shard(account: Account) -> None:
    pipeline = matched(account)
    first, second, _ = manifest(account, pipeline.state["match"]["evaluation_shards"])
    cause = {
        "TrainingJobName": first.name,
        "TrainingJobStatus": "Failed",
        "FailureReason": "AlgorithmError: , exit code: 137",
    }
    failure = {"Error": "States.TaskFailed", "Cause": json.dumps(cause)}
    diagnosis = call(diagnose_job.handler, run=pipeline.run, job=first, failure=failure)
    following = TrainingJob.model_validate(diagnosis["job"])
    assert (diagnosis["retry"], following.attempt) == (True, 1)
    assert ShardFiles(pipeline.run, STEP).jobs(0)[:2] == [following, second]


@pytest.mark.parametrize(
    "failure",
    [
        {"Error": "States.Timeout", "Cause": ""},
        {"Error": "SageMaker.AmazonSageMakerException", "Cause": "Rate exceeded (Throttling)"},
        {"Error": "SageMaker.AmazonSageMakerException", "Cause": "InternalFailure"},
    ],
    ids=["timeout", "throttled", "internal"],
)
def test_a_job_that_nobody_waits_for_any_more_is_stopped_before_another_begins(
    account: Account, monkeypatch: pytest.MonkeyPatch, failure: dict[str, str]
) -> None:
    """Step Functions promises to stop it only where the whole execution is stopped."""
    pipeline = start(account).until_matched()
    job = TrainingJob.model_validate(pipeline.state["match"]["evaluate"])
    account.create_job(job)
    [made] = sagemaker_backends[ACCOUNT_ID][REGION].training_jobs.values()
    stopped: list[str] = []
    monkeypatch.setattr(diagnose_job, "stop_job", stopped.append)
    for status in ("Completed", "InProgress"):
        made.training_job_status = status
        call(diagnose_job.handler, run=pipeline.run, job=job, failure=failure)
    assert stopped == [job.name]
