"""What a run has spent so far."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from stratos.cli.run_costs import RunCosts
from stratos.contracts.bucket import RunKeys
from stratos.contracts.regions import JobElsewhere
from tests.unit.stratos.cli.stack_contents import put

KEYS = RunKeys("r-1")
NOW = datetime.now(UTC)


class Jobs:
    """SageMaker's training jobs of an account; counts what is asked of each."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.described: list[str] = []

    def add(self, name: str, status: str, **described: Any) -> None:
        known = {"TrainingJobName": name, "TrainingJobStatus": status}
        self.jobs[name] = known | {"ResourceConfig": {"InstanceType": "ml.a"}} | described

    def get_paginator(self, operation: str) -> Jobs:
        assert operation == "list_training_jobs"
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        found = [{"TrainingJobName": n} for n in self.jobs if asked["NameContains"] in n]
        return [{"TrainingJobSummaries": found}]

    def describe_training_job(self, **asked: Any) -> dict[str, Any]:
        self.described.append(asked["TrainingJobName"])
        return self.jobs[asked["TrainingJobName"]]


@pytest.fixture
def jobs(stack: Any) -> Jobs:
    found = Jobs()
    stack.__dict__["sagemaker"] = found
    return found


def config(stack: Any, step: str, usd_per_hour: float = 3.6, **more: Any) -> None:
    text = json.dumps({"usd_per_hour": usd_per_hour, "run_id": "r-1"} | more)
    put(stack, KEYS.job_config(step) + "config.json", text.encode())


def test_jobs_are_added_up_by_state_with_what_their_teacher_was_paid(
    stack: Any, jobs: Jobs
) -> None:
    for step in ("probe-t0", "probe-s0", "distill-a0"):
        config(stack, step)
    jobs.add("r-1-probe-t0-0", "Completed", BillableTimeInSeconds=100)
    jobs.add("r-1-probe-s0-0", "Failed", BillableTimeInSeconds=10)
    jobs.add("r-1-probe-s0-1", "Completed", BillableTimeInSeconds=20)
    jobs.add("r-1-distill-a0-0", "InProgress", TrainingStartTime=NOW - timedelta(seconds=50))
    jobs.add("r-10-distill-a0-0", "InProgress", TrainingStartTime=NOW - timedelta(hours=9))
    put(stack, KEYS.job_result("probe-t0"), json.dumps({"usd": 0.5}).encode())
    put(stack, KEYS.job_progress("probe-t0"), json.dumps({"usd": 0.4}).encode())
    found = RunCosts(stack, "r-1", lambda: NOW).by_phase()
    assert found is not None
    assert set(found) == {"ProbeModels", "Distill"}
    assert found["ProbeModels"] == pytest.approx(0.13 + 0.5)
    assert found["Distill"] == pytest.approx(0.05)


def test_a_job_that_is_over_is_asked_about_once(stack: Any, jobs: Jobs) -> None:
    config(stack, "distill-a0")
    jobs.add("r-1-distill-a0-0", "Failed", BillableTimeInSeconds=10)
    jobs.add("r-1-distill-a0-1", "InProgress")
    costs = RunCosts(stack, "r-1")
    assert costs.by_phase() == costs.by_phase() == {"Distill": pytest.approx(0.01)}
    assert jobs.described == ["r-1-distill-a0-0", "r-1-distill-a0-1", "r-1-distill-a0-1"]


def test_a_server_is_billed_at_its_own_price(stack: Any, jobs: Jobs) -> None:
    server = {"count": 1, "region": "", "purchase": "on_demand"}
    servers = [server | {"instance_type": "ml.a", "usd_per_hour": 7.2}]
    config(stack, "distill-a0", servers=servers)
    jobs.add("r-1-distill-a0-0", "Completed", BillableTimeInSeconds=100)
    assert RunCosts(stack, "r-1").by_phase() == {"Distill": pytest.approx(0.2)}


def test_a_job_of_another_region_is_billed_as_home_last_saw_it(stack: Any, jobs: Jobs) -> None:
    config(stack, "distill-a0")
    job = JobElsewhere(
        name="j", step="distill-a0", region="eu-west-1", handed_over_at=NOW, seen_at=NOW,
        max_seconds=9, billed_seconds=200.0,
    )  # fmt: skip
    put(stack, KEYS.job_elsewhere("j"), job.model_dump_json().encode())
    assert RunCosts(stack, "r-1").by_phase() == {"Distill": pytest.approx(0.2)}


def test_where_the_account_may_not_be_asked_nothing_is_claimed(stack: Any, jobs: Jobs) -> None:
    def denied(**asked: Any) -> list[dict[str, Any]]:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "ListTrainingJobs")

    jobs.paginate = denied  # type: ignore[method-assign]
    assert RunCosts(stack, "r-1").by_phase() is None
