"""A job of another region is given to that region."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from lambdas.aws.settings import settings
from lambdas.regions.machines import WorkerMachine
from stratos.contracts.bucket import RunKeys
from stratos.contracts.regions import JobElsewhere
from stratos.errors import RegionUnreachable
from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.handing_over import hand, handed_over
from tests.unit.lambdas.two_regions import AWAY


def test_a_job_is_given_to_the_machine_of_its_region_under_its_own_name(
    account: Account, states: Any
) -> None:
    payload = handed_over()
    arn = hand(payload)["execution_arn"]
    assert arn.split(":")[3] == AWAY
    assert arn.endswith(f":stratos-worker:{payload.job.name}")
    given = states.describe_execution(executionArn=arn)["input"]
    worker = WorkerJob.model_validate_json(given)
    assert worker.job.hyper_parameters == {"a": "b"}
    assert (worker.home.region, worker.home.task_token) == ("us-east-1", "token")
    assert worker.home.kms_key_arn == settings().kms_key_arn
    key = RunKeys(payload.run.run_id).job_elsewhere(payload.job.name)
    known = JobElsewhere.model_validate_json(account.read(key))
    assert (known.region, known.max_seconds, known.over) == (AWAY, 3600, False)


def test_a_region_that_does_not_answer_has_not_taken_the_job(
    account: Account, states: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(service: str, region: str | None = None) -> Any:
        raise ConnectionClosedError(endpoint_url=f"https://{service}.{region}.amazonaws.com")

    monkeypatch.setattr(WorkerMachine, "_states", property(lambda machine: silent("s", AWAY)))
    with pytest.raises(RegionUnreachable, match=f"{AWAY} did not take"):
        hand(handed_over())


def test_a_region_without_the_machine_refuses_and_nothing_is_counted(account: Account) -> None:
    payload = handed_over()
    with pytest.raises(RegionUnreachable, match=f"{AWAY} did not take"):
        hand(payload)
    key = RunKeys(payload.run.run_id).job_elsewhere(payload.job.name)
    known = JobElsewhere.model_validate_json(account.read(key))
    assert (known.over, known.billed_seconds) == (True, 0)
