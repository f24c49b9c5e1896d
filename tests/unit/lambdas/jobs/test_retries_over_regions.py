"""The attempt that follows a job of another region: there, in the next region, or at home."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.aws.bucket import AlwaysChanging, Bucket
from lambdas.handlers import diagnose_job
from lambdas.jobs.factory import types_asked
from lambdas.jobs.spending import job_costs
from stratos.contracts.bucket import REFUSALS_KEY, RunKeys
from stratos.contracts.regions import JobElsewhere, read_refusals
from stratos.moment import now
from stratos.pipeline.steps import TrainingJob
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.jobs.diagnosing import diagnose
from tests.unit.lambdas.pipeline import Pipeline, call, start

AWAY = "eu-west-1"


def hand_over_to(pipeline: Pipeline, account: Account, region: str = AWAY) -> dict[str, Any]:
    """The training job of the match, as if it were planned in another region."""
    job: dict[str, Any] = pipeline.state["match"]["distill"] | {"region": region}
    known = JobElsewhere(
        name=job["name"],
        step="distill-a0",
        region=region,
        handed_over_at=now(),
        seen_at=now(),
        max_seconds=7200,
    )
    account.put(RunKeys(pipeline.run.run_id).job_elsewhere(job["name"]), known.model_dump_json())
    return job


def silent(pipeline: Pipeline, job: dict[str, Any]) -> Any:
    failure = {"Error": "States.HeartbeatTimeout", "Cause": ""}
    return call(diagnose_job.handler, run=pipeline.run, job=job, failure=failure)


def refusals(account: Account) -> list[tuple[str, str, str]]:
    rows = read_refusals(account.read(REFUSALS_KEY).decode())
    return [(row.region, row.instance_type, row.outcome) for row in rows]


def test_a_region_that_is_gone_is_left_for_the_next_of_the_front(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = hand_over_to(pipeline, account)
    add_servers(pipeline, account, {"instance_type": "ml.g5.xlarge", "region": "us-east-1"})
    diagnosis = silent(pipeline, job)
    assert (diagnosis["outcome"], diagnosis["retry"]) == ("unreachable", True)
    moved = TrainingJob.model_validate(diagnosis["job"])
    assert moved.region == ""
    assert moved.checkpoint_config == job["checkpoint_config"]
    assert f"in {AWAY}: the job's region went silent" in diagnosis["reason"]
    assert diagnosis["reason"].endswith("in us-east-1")
    asked = types_asked(job["resource_config"])
    assert refusals(account) == [(AWAY, name, "unreachable") for name in asked]


def test_a_region_that_throttles_is_left_as_one_that_does_not_answer(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = hand_over_to(pipeline, account)
    add_servers(pipeline, account, {"instance_type": "ml.g5.xlarge", "region": "us-east-1"})
    failure = {"Error": "SageMaker.ThrottlingException", "Cause": "Rate exceeded"}
    diagnosis = call(diagnose_job.handler, run=pipeline.run, job=job, failure=failure)
    assert (diagnosis["outcome"], diagnosis["job"]["region"]) == ("unreachable", "")
    at_home = call(
        diagnose_job.handler, run=pipeline.run, job=job | {"region": ""}, failure=failure
    )
    assert at_home["outcome"] == "crash"


def test_a_job_whose_own_words_are_of_throttling_has_crashed_and_stays(account: Account) -> None:
    pipeline = start(account).until_matched()
    job = hand_over_to(pipeline, account)
    diagnosis = diagnose(pipeline, job, "AlgorithmError: teacher throttled, exit code: 1")
    assert (diagnosis["outcome"], diagnosis["job"]["region"]) == ("crash", AWAY)
    assert account.keys(REFUSALS_KEY) == []


def test_a_lost_job_counts_as_if_it_ran_to_its_limit_until_its_end_is_known(
    account: Account,
) -> None:
    pipeline = start(account).until_matched()
    job = hand_over_to(pipeline, account)
    assert sum(cost.seconds for cost in job_costs(pipeline.run)) == 0
    silent(pipeline, job)
    [lost] = [cost for cost in job_costs(pipeline.run) if cost.region == AWAY]
    assert lost.seconds == 7200
    key = RunKeys(pipeline.run.run_id).job_elsewhere(job["name"])
    known = JobElsewhere.model_validate_json(account.read(key))
    ended = known.model_copy(update={"status": "Stopped", "billed_seconds": 60.0})
    account.put(key, ended.model_dump_json())
    [told] = [cost for cost in job_costs(pipeline.run) if cost.region == AWAY]
    assert told.seconds == 60


def test_a_region_that_refuses_a_job_for_want_of_quota_costs_nothing(account: Account) -> None:
    pipeline = start(account, constraints={"max_budget_usd": 2.0}).until_matched()
    job = hand_over_to(pipeline, account)
    add_servers(pipeline, account, {"instance_type": "ml.g5.xlarge", "region": "us-east-1"})
    key = RunKeys(pipeline.run.run_id).job_elsewhere(job["name"])
    known = JobElsewhere.model_validate_json(account.read(key))
    account.put(key, known.model_copy(update={"max_seconds": 10**6}).model_dump_json())
    failure = {"Error": "SageMaker.ResourceLimitExceeded", "Cause": "account-level service limit"}
    diagnosis = call(diagnose_job.handler, run=pipeline.run, job=job, failure=failure)
    assert (diagnosis["outcome"], diagnosis["retry"]) == ("quota", True)
    assert diagnosis["job"]["region"] == ""
    assert [cost.usd for cost in job_costs(pipeline.run) if cost.region == AWAY] == [0]


def test_what_a_lost_region_may_still_cost_keeps_the_next_within_the_budget(
    account: Account,
) -> None:
    pipeline = start(account, constraints={"max_budget_usd": 0.5}).until_matched()
    job = hand_over_to(pipeline, account)
    add_servers(pipeline, account, {"instance_type": "ml.g5.xlarge", "region": "us-east-1"})
    key = RunKeys(pipeline.run.run_id).job_elsewhere(job["name"])
    known = JobElsewhere.model_validate_json(account.read(key))
    account.put(key, known.model_copy(update={"max_seconds": 10**6}).model_dump_json())
    diagnosis = silent(pipeline, job)
    assert not diagnosis["retry"]
    assert "max_budget_usd 0.5" in diagnosis["reason"]


def test_a_region_without_capacity_is_asked_for_another_type_before_it_is_left(
    account: Account,
) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["distill"]
    add_servers(
        pipeline,
        account,
        {"instance_type": "ml.g5.xlarge", "region": AWAY},
        {"instance_type": "ml.g5.xlarge", "region": "us-east-1"},
    )
    first = diagnose(pipeline, job, "CapacityError: Unable to provision")
    assert types_asked(first["job"]["resource_config"]) == ("ml.g5.xlarge",)
    assert first["job"]["region"] == ""
    second = diagnose(pipeline, first["job"], "CapacityError: Unable to provision")
    moved = TrainingJob.model_validate(second["job"])
    assert moved.region == AWAY
    assert AWAY in moved.image_uri
    assert second["reason"].endswith(f"on ml.g5.xlarge in {AWAY}")
    assert ("us-east-1", "ml.g5.xlarge", "capacity") in refusals(account)


def test_a_refusal_that_cannot_be_noted_does_not_keep_a_job_from_its_next_server(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(account).until_matched()
    job = pipeline.state["match"]["distill"]
    add_servers(pipeline, account, {"instance_type": "ml.g5.xlarge"})

    def overtaken(*_: Any) -> None:
        raise AlwaysChanging("changed 8 times while appending")

    monkeypatch.setattr(Bucket, "append_rows", overtaken)
    assert diagnose(pipeline, job, "CapacityError: Unable to provision")["retry"]


def add_servers(pipeline: Pipeline, account: Account, *servers: dict[str, Any]) -> None:
    """Add plans to the front that train in the same way on other servers."""
    key = RunKeys(pipeline.run.run_id).match
    evidence = json.loads(account.read(key))
    chosen = evidence["matching"]["plan"]
    more = [chosen | {"training": chosen["training"] | server} for server in servers]
    evidence["matching"]["plans"]["front"] += more
    account.put(key, json.dumps(evidence))
