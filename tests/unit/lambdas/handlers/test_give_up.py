"""A job that is given up is stopped, and home told."""

from __future__ import annotations

from lambdas.handlers import give_up
from stratos.pipeline.job_failure import classify
from stratos.pipeline.steps import JobFailure
from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.pipeline import call
from tests.unit.lambdas.two_regions import TwoRegions


def test_a_job_that_is_given_up_is_stopped_and_home_learns_why(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    failure = {"Error": "SageMaker.ResourceLimitExceeded", "Cause": "account-level service limit"}
    given = {"worker": worker, "failure": failure}
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
