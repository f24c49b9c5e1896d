"""The roles of a run go with what runs under them."""

from __future__ import annotations

from typing import Any

import pytest

from lambdas.aws import run_roles
from lambdas.aws.bucket import Bucket
from lambdas.aws.elsewhere_files import ElsewhereFiles
from lambdas.jobs import roles
from lambdas.jobs.roles import delete_unused
from stratos.contracts.regions import JobElsewhere
from stratos.contracts.run import RunRef
from stratos.moment import now


@pytest.fixture
def run(account: Any) -> RunRef:
    run: RunRef = account.run(account.drop())
    run_roles.make(run)
    return run


def left() -> list[str]:
    return [kind for _, _, kind in run_roles.listed()]


def test_a_run_that_made_no_model_leaves_no_role(run):
    assert delete_unused(run) == [f"stratos-{run.run_id}-job", f"stratos-{run.run_id}-model"]
    assert left() == []
    assert delete_unused(run) == []


def test_the_role_of_models_stays_with_what_a_run_has_deployed(run, monkeypatch):
    monkeypatch.setattr(roles.RunFiles, "find_deployment", lambda _: "a deployment")
    delete_unused(run)
    assert left() == ["model"]


@pytest.mark.parametrize("status", ["InProgress", "Stopping"])
def test_the_role_of_jobs_stays_until_the_last_of_them_is_over(run, monkeypatch, status):
    jobs = [{"TrainingJobStatus": "Completed"}, {"TrainingJobStatus": status}]
    monkeypatch.setattr(roles, "jobs_of", lambda _: iter(jobs))
    delete_unused(run)
    assert left() == ["job"]


def test_a_job_of_another_region_keeps_its_role_too(run):
    moment = now()
    job = JobElsewhere(
        name=f"{run.run_id}-distill-a0-r0",
        step="distill-a0",
        region="eu-west-1",
        handed_over_at=moment,
        seen_at=moment,
        max_seconds=60,
    )
    ElsewhereFiles(Bucket(run.bucket), run.run_id).put_job(job)
    delete_unused(run)
    assert left() == ["job"]
