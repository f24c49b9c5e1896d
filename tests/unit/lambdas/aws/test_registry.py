"""Versions in the model registry: what they say, and the decision on each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambdas.handlers import clean_up
from tests import factories
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import Pipeline, call, start

FAILURE = {"Error": "LatencyGateError", "Cause": json.dumps({"errorMessage": "too slow"})}


def decision(account: Account, arn: str) -> tuple[str, str]:
    found = account.client("sagemaker").describe_model_package(ModelPackageName=arn)
    # Stock moto forgets the status that an update does not name.
    return found.get("ModelApprovalStatus", ""), found.get("ApprovalDescription", "")


def _fail(*_: object) -> None:
    raise RuntimeError("lost")


def status_change(account: Account, status: str, **detail: str) -> dict[str, Any]:
    return {"detail": {"executionArn": account.execution_arn, "status": status, **detail}}


def test_the_registered_models_of_a_run_that_failed_are_rejected_but_no_others(
    account: Account,
) -> None:
    live = start(account).until_deployed()
    live.promote()
    going_on = start(account).until_registered()
    failing = start(account).until_deployed()
    first, second = failing.state["package"]["ModelPackageArn"], failing.register()
    for run in (failing.run, live.run):  # the report of the good one failed
        call(clean_up.handler, run=run, failure=FAILURE)
    for arn in (first, second):
        assert decision(account, arn) == ("Rejected", "LatencyGateError: too slow")
    for other in (live, going_on):
        assert decision(account, other.state["package"]["ModelPackageArn"])[0] != "Rejected"
    again = {"Error": "QualityGateError", "Cause": "of the next student"}
    call(clean_up.handler, run=failing.run, failure=again)
    assert decision(account, first) == ("Rejected", "LatencyGateError: too slow")


def test_a_model_that_a_later_run_replaced_is_not_rejected_afterwards(account: Account) -> None:
    former = start(account).until_deployed()
    former.promote()
    start(account).until_deployed().promote()
    call(clean_up.handler, run=former.run, failure=FAILURE)
    assert decision(account, former.state["package"]["ModelPackageArn"])[0] != "Rejected"


def test_a_model_whose_run_was_stopped_before_it_was_promoted_is_rejected(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start(account).until_deployed()
    arn = pipeline.state["package"]["ModelPackageArn"]
    assert decision(account, arn)[0] == "Approved"
    monkeypatch.setattr(clean_up, "close_run", _fail)
    with pytest.raises(RuntimeError):
        call(clean_up.handler, event=status_change(account, "ABORTED"))
    assert decision(account, arn) == ("Rejected", "the execution was stopped by hand")


def package(account: Account, pipeline: Pipeline) -> dict[str, Any]:
    arn = pipeline.state["package"]["ModelPackageArn"]
    return dict(account.client("sagemaker").describe_model_package(ModelPackageName=arn))


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
