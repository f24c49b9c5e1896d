"""A job that is given up is stopped, and home told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lambdas.handlers import give_up
from stratos.errors import HomeUnreachable
from stratos.moment import now
from stratos.pipeline.job_failure import classify
from stratos.pipeline.steps import JobFailure
from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.pipeline import call
from tests.unit.lambdas.running_job import SILENT, watch
from tests.unit.lambdas.two_regions import TwoRegions

QUOTA = {"Error": "SageMaker.ResourceLimitExceeded", "Cause": "account-level service limit"}


def test_a_job_that_is_given_up_is_stopped_and_home_learns_why(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    given = {"worker": worker, "failure": QUOTA}
    assert call(give_up.handler, **given) == {"answered": True}
    assert regions.status(worker) == "Stopping"
    [(_, answer)] = regions.home.answers()
    caught = JobFailure(Error=answer["error"], Cause=answer["cause"])
    assert classify(caught, None).outcome == "quota"
    assert call(give_up.handler, **given) == {"answered": False}


def test_an_execution_that_was_cut_short_is_given_up(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    detail = {"status": "ABORTED", "input": worker.model_dump_json()}
    assert call(give_up.handler, event={"detail": detail}) == {"answered": True}
    assert regions.status(worker) == "Stopping"
    [(_, answer)] = regions.home.answers()
    assert answer["error"] == "Execution ABORTED"


def test_a_job_that_never_was_has_cost_nothing(regions: TwoRegions, worker: WorkerJob) -> None:
    regions.lose(worker)
    call(give_up.handler, worker=worker, failure=QUOTA)
    never = regions.elsewhere(worker)
    assert (never.status, never.billed_seconds) == ("Failed", 0)


def test_a_job_that_is_stopped_is_billed_until_it_must_have_ended(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    begun = now() - timedelta(hours=1)
    regions.settle(worker, "InProgress", TrainingStartTime=begun)
    call(give_up.handler, worker=worker, failure=QUOTA)
    ended = regions.elsewhere(worker)
    assert ended.over
    assert ended.started_at is not None
    assert ended.ended_at is not None
    assert ended.ended_at - ended.started_at >= timedelta(hours=1, seconds=120)


def test_a_job_that_was_seen_to_run_is_not_taken_for_one_that_never_was(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    regions.settle(worker, "InProgress", TrainingStartTime=now() - timedelta(hours=1))
    watch(worker)
    regions.lose(worker)
    call(give_up.handler, worker=worker, failure=QUOTA)
    assert regions.elsewhere(worker).status == "Stopped"
    assert regions.elsewhere(worker).billed_seconds is None


def test_a_home_that_is_silent_is_told_later(
    regions: TwoRegions, worker: WorkerJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise SILENT

    monkeypatch.setattr(give_up, "keep_end", silent)
    with pytest.raises(HomeUnreachable, match="us-east-1 does not answer"):
        call(give_up.handler, worker=worker, failure=QUOTA)
    assert regions.status(worker) == "Stopping"
    assert regions.home.answers() == []
