"""A person is asked before anything is deployed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.aws import runs_table
from lambdas.handlers import clean_up
from lambdas.jobs.spending import hours_of
from stratos.contracts.bucket import RunKeys
from stratos.pipeline.summary import RunSummary
from tests import factories
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import Pipeline, call, start


def asked(account: Account, **sections: Any) -> Pipeline:
    """A run that waits for approval."""
    pipeline = start(account, **({"approval": "required"} | sections)).until_matched()
    pipeline.work()
    pipeline.check()
    pipeline.register()
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
    summary = RunSummary.model_validate_json(account.read(RunKeys(pipeline.run.run_id).summary))
    assert any("user/ann: as good as asked" in note for note in summary.notes)


def test_the_time_a_person_took_is_not_the_runs_own(account: Account) -> None:
    pipeline = asked(account)
    asked_at = datetime.now(UTC) - timedelta(hours=5)
    begun = pipeline.run.model_copy(update={"started_at": asked_at - timedelta(hours=1)})
    runs_table.update(begun.run_id, awaiting_approval_since=asked_at)
    assert hours_of(begun) == pytest.approx(6, abs=0.1)
    pipeline.approve()
    assert hours_of(begun) == pytest.approx(1, abs=0.1)
    runs_table.update(begun.run_id, awaiting_approval_since=asked_at)
    pipeline.approve()  # called again, as Step Functions may: before it forgot that it waited
    assert hours_of(begun) == pytest.approx(1, abs=0.1)


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


def test_a_version_says_where_it_comes_from_and_who_may_use_it(account: Account) -> None:
    teachers = [{"kind": "weights", "path": "models/teacher", "licence": "Apache-2.0"}]
    pipeline = start(account, teachers=teachers).until_deployed()
    found = package(account, pipeline)
    properties = found["CustomerMetadataProperties"]
    match, dataset = pipeline.state["match"], pipeline.state["dataset"]
    assert properties["content_hash"] == dataset["content_hash"]
    assert properties["spec_version_id"] == pipeline.run.spec_version_id
    assert properties["distill_job"] == match["distill"]["name"]
    assert properties["weights_sha256"] == factories.distill_result().weights_sha256
    assert (properties["teacher_licence"], properties["student_licence"]) == (
        "Apache-2.0",
        "unknown",
    )
    assert float(properties["accuracy_lo"]) < float(properties["accuracy"])
    assert found["MetadataProperties"]["GeneratedBy"] == pipeline.run.execution_arn
    pipeline.promote()
    served = package(account, pipeline)["CustomerMetadataProperties"]
    assert (served["endpoint"], served["p95_latency_ms"]) == ("stratos-tiles", "200.0")


def test_an_endpoint_carries_the_tags_of_the_run_whose_model_it_serves(account: Account) -> None:
    sagemaker = account.client("sagemaker")
    start(account).until_deployed().promote()
    second = start(account, hosting={"keep": True}).until_matched()
    second.work()
    second.check()
    second.register()
    second.promote()  # the endpoint was updated: its tags are still those of the first run
    arn = sagemaker.describe_endpoint(EndpointName="stratos-tiles")["EndpointArn"]
    # Stock moto appends a tag that is there already; SageMaker replaces it.
    tags = {tag["Key"]: tag["Value"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    assert tags == {
        "stratos:run": second.run.run_id,
        "stratos:spec": "tiles",
        "stratos:expires": "never",
    }
