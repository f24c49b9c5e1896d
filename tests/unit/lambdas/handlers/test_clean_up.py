"""Executions that ended in any way, with a report of their own or without."""

from __future__ import annotations

from typing import Any

from lambdas.handlers import clean_up
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import call, start


def status_change(account: Account, status: str, **detail: str) -> dict[str, Any]:
    return {"detail": {"executionArn": account.execution_arn, "status": status, **detail}}


def test_an_execution_stopped_by_hand_is_reported_as_stopped(account: Account) -> None:
    pipeline = start(account).until_deployed()
    cleaned = call(clean_up.handler, event=status_change(account, "ABORTED"))
    assert cleaned["run"]["run_id"] == pipeline.run.run_id
    assert "stratos-tiles" in cleaned["deleted"]
    summary = pipeline.summary()
    assert (summary.status, summary.endpoint) == ("stopped", None)
    assert account.row(pipeline.run.run_id)["status"] == "stopped"
    assert "stopped by hand" in account.notices()[0]


def test_an_execution_that_reported_its_own_end_is_not_reported_again(account: Account) -> None:
    pipeline = start(account)
    pipeline.parse()
    pipeline.state["failure"] = {"Error": "DatasetRejected", "Cause": "too few"}
    pipeline.report("rejected")
    account.notices()
    call(clean_up.handler, event=status_change(account, "FAILED", error="DatasetRejected"))
    assert account.row(pipeline.run.run_id)["status"] == "rejected"
    assert account.notices() == []


def test_an_execution_that_timed_out_says_so(account: Account) -> None:
    pipeline = start(account)
    call(clean_up.handler, event=status_change(account, "TIMED_OUT"))
    summary = pipeline.summary()
    assert (summary.status, summary.reason) == (
        "failed",
        "States.Timeout: the execution exceeded its time limit. See in the execution's history "
        "which state was late, then upload the spec again.",
    )


def test_a_cloud_that_was_killed_is_not_taken_for_a_person(account: Account) -> None:
    pipeline = start(account)
    killed = status_change(account, "ABORTED", cause="the embedded cloud was killed")
    call(clean_up.handler, event=killed)
    assert pipeline.summary().status == "stopped"
    assert "stopped because the embedded cloud was killed. To run it" in pipeline.summary().reason


def test_an_execution_without_a_run_needs_no_cleaning_but_is_told_of(account: Account) -> None:
    detail = {"executionArn": "arn:unknown", "status": "FAILED", "input": "specs/tiles/spec.yaml"}
    throttled = {"error": "Lambda.TooManyRequestsException", "cause": "Rate Exceeded."}
    assert call(clean_up.handler, event={"detail": detail | throttled})["run"] is None
    [told] = account.notices()
    for word in ("Rate Exceeded", "upload the spec again", "specs/tiles"):
        assert word in told


def test_a_run_whose_execution_is_forgotten_is_ended_all_the_same(account: Account) -> None:
    pipeline = start(account)
    pipeline.parse()
    gone = f"{account.execution_arn}-gone"
    account.change(pipeline.run.run_id, execution_arn=gone)
    call(clean_up.handler, event={"detail": {"executionArn": gone, "status": "ABORTED"}})
    assert account.row(pipeline.run.run_id)["status"] == "stopped"
    assert pipeline.summary().phases == ()
