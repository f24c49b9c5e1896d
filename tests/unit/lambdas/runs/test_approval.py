"""A person is asked before anything is deployed."""

from __future__ import annotations

from typing import Any

from lambdas.handlers import clean_up
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import Pipeline, call, start


def asked(account: Account) -> Pipeline:
    """A run that waits for approval."""
    pipeline = start(account, approval="required").until_registered()
    pipeline.request_approval()
    return pipeline


def package(account: Account, pipeline: Pipeline) -> dict[str, Any]:
    arn = pipeline.state["package"]["ModelPackageArn"]
    return dict(account.client("sagemaker").describe_model_package(ModelPackageName=arn))


def test_a_model_waits_in_the_registry_and_a_person_is_told_what_it_measured(
    account: Account,
) -> None:
    pipeline = asked(account)
    assert pipeline.state["parsed"]["approval_timeout_seconds"] == 72 * 3600
    assert package(account, pipeline)["ModelApprovalStatus"] == "PendingManualApproval"
    row = account.row(pipeline.run.run_id)
    assert row["task_token"] == "token-1"
    assert row["awaiting_approval_since"] < row["approve_by"]
    (notice,) = account.notices()
    assert "held-out accuracy 0.750" in notice
    assert f"stratos approve {pipeline.run.run_id}" in notice


def test_without_the_word_nobody_is_asked(account: Account) -> None:
    pipeline = start(account).until_deployed()
    assert pipeline.state["parsed"]["approval_timeout_seconds"] is None
    assert package(account, pipeline)["ModelApprovalStatus"] == "Approved"


def test_an_approval_is_kept_with_the_model_and_in_the_report(account: Account) -> None:
    pipeline = asked(account)
    pipeline.approve()
    found = package(account, pipeline)
    assert found["ModelApprovalStatus"] == "Approved"
    assert found["ApprovalDescription"].endswith("user/ann: as good as asked")
    row = account.row(pipeline.run.run_id)
    assert not {"task_token", "awaiting_approval_since", "approve_by"} & set(row)
    pipeline.report()
    summary = pipeline.summary()
    assert any("user/ann: as good as asked" in note for note in summary.notes)


def test_an_endpoint_that_came_or_went_while_a_person_thought_is_seen(account: Account) -> None:
    live = start(account).until_deployed()
    live.promote()
    waiting = asked(account)
    before = waiting.state["quality"]["deployment"]
    assert (before["replaces_live"], before["previous_config_name"]) == (
        True,
        live.state["quality"]["deployment"]["endpoint_config_name"],
    )
    account.client("sagemaker").delete_endpoint(EndpointName="stratos-tiles")
    waiting.approve()
    after = waiting.take_turn()
    assert (after["replaces_live"], after["previous_config_name"]) == (False, None)
    assert after["model_name"] == before["model_name"]


def test_a_refused_model_is_rejected_in_the_registry_with_the_reason(account: Account) -> None:
    pipeline = asked(account)
    refused = {"Error": "ApprovalRejected", "Cause": "rejected by ann: too slow"}
    pipeline.state["failure"] = refused
    call(clean_up.handler, run=pipeline.run, failure=refused)
    pipeline.report("failed")
    found = package(account, pipeline)
    assert found["ModelApprovalStatus"] == "Rejected"
    assert found["ApprovalDescription"] == "ApprovalRejected: rejected by ann: too slow"
    assert "task_token" not in account.row(pipeline.run.run_id)


def test_a_run_stopped_while_it_waited_leaves_no_open_question(account: Account) -> None:
    pipeline = asked(account)
    stopped = {"detail": {"executionArn": account.execution_arn, "status": "ABORTED"}}
    call(clean_up.handler, event=stopped)
    assert "task_token" not in account.row(pipeline.run.run_id)
    (version,) = account.client("sagemaker").list_model_packages(ModelPackageGroupName="stratos")[
        "ModelPackageSummaryList"
    ]
    assert version["ModelApprovalStatus"] == "Rejected"
    assert package(account, pipeline)["ApprovalDescription"] == "the execution was stopped by hand"
