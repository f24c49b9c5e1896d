"""A run that waits for a person: approved it goes on, rejected it ends, and says who and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.local.cli import bring_up
from lambdas.aws.job_names import step_of
from stratos.cli import app as cli
from stratos.cli import endpoint
from stratos.contracts.bucket import RunKeys
from stratos.contracts.match import MatchEvidence
from stratos.contracts.plan_document import PlanDocument
from stratos.contracts.run import RunRow
from stratos.contracts.saved_plan import differences
from stratos.errors import NotAwaitingApproval, SpecRejected
from stratos.moment import written
from tests.integration.pipeline.cloud import (
    ASSEMBLY,
    Cloud,
    eventually,
    running_cloud,
    write_task,
)
from tests.integration.pipeline.next_release import next_release

pytestmark = pytest.mark.slow

NOTHING: dict[str, list[str]] = {"jobs": [], "endpoints": []}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("approval")) as running:
        yield running


def run(*arguments: str) -> str:
    """Standard output of the command line."""
    result = CliRunner().invoke(cli.app, list(arguments))
    if result.exception is not None:
        raise result.exception
    return result.stdout


def waiting(cloud: Cloud, run_id: str) -> RunRow:
    def asked() -> RunRow | None:
        row = cloud.row(run_id)
        assert row is None or not row.finished, cloud.summary(run_id).reason
        return row if row is not None and row.awaits_approval else None

    return eventually(asked)


def version_of(cloud: Cloud, run_id: str) -> dict[str, Any]:
    """The run's version in the model registry."""
    sagemaker = cloud.stack.sagemaker
    listed = sagemaker.list_model_packages(ModelPackageGroupName="stratos")
    described = [
        sagemaker.describe_model_package(ModelPackageName=item["ModelPackageArn"])
        for item in listed["ModelPackageSummaryList"]
    ]
    (found,) = (d for d in described if d["CustomerMetadataProperties"]["run_id"] == run_id)
    return dict(found)


def test_an_approved_model_is_deployed_and_owned_and_swept_when_its_time_is_over(
    cloud: Cloud, tmp_path: Path
):
    folder, plan = (
        write_task(tmp_path / "asked", "asked", approval="required"),
        tmp_path / "plan.json",
    )
    run("plan", str(folder), "--catalog", f"s3://{cloud.stack.bucket}", "--out", str(plan))
    changed = write_task(
        tmp_path / "changed", "asked", approval="required", schedule="rate(7 days)"
    )
    with pytest.raises(SpecRejected, match=r"the plan was made from another spec\.yaml"):
        run("submit", str(changed), "--plan", str(plan))
    run_id = json.loads(run("submit", str(folder), "--plan", str(plan), "--json"))["run_id"]
    row = waiting(cloud, run_id)
    shown = PlanDocument.model_validate_json(plan.read_bytes()).saved().chosen
    taken = MatchEvidence.model_validate(cloud.read_json(RunKeys(run_id).match)).plan
    assert list(differences(shown, taken)) == []
    assert cloud.billable() == NOTHING
    (told,) = json.loads(run("runs", "--json"))
    assert row.awaiting_approval_since is not None
    assert told["awaiting_approval_since"] == written(row.awaiting_approval_since)
    assert version_of(cloud, run_id)["ModelApprovalStatus"] == "PendingManualApproval"

    run("approve", run_id, "--reason", "good enough")
    assert cloud.finish(run_id).status == "succeeded", cloud.summary(run_id).reason
    assert any("good enough" in note for note in cloud.summary(run_id).notes)
    version = version_of(cloud, run_id)
    assert version["ModelApprovalStatus"] == "Approved"
    assert version["ApprovalDescription"].endswith(": good enough")
    assert {"content_hash", "p95_latency_ms"} <= set(version["CustomerMetadataProperties"])
    with pytest.raises(NotAwaitingApproval, match="is succeeded"):
        run("approve", run_id)

    assert json.loads(run("sweep", "--json"))["removed"] == []
    cloud.stack.table.update_item(
        Key={"run_id": run_id},
        UpdateExpression="SET expires_at = :past",
        ExpressionAttributeValues={":past": "2020-01-01T00:00:00+00:00"},
    )
    named = json.loads(run("sweep", "--dry-run", "--json"))["removed"]
    assert [item["kind"] for item in named] == [
        "endpoint",
        "endpoint-config",
        "model",
        "schedule",
    ]
    assert cloud.billable()["endpoints"] == ["stratos-asked"]
    assert json.loads(run("sweep", "--json"))["removed"] == named
    eventually(lambda: cloud.billable() == NOTHING)


def sources(cloud: Cloud) -> set[str]:
    """Where the functions of today let jobs take their code from."""
    functions = cloud.client("lambda").list_functions()["Functions"]
    return {function["Environment"]["Variables"]["SOURCE_URI"] for function in functions}


def code_of_jobs(cloud: Cloud, run_id: str) -> dict[str, str]:
    """Step of each job of a run → where its code came from. No step has two jobs."""
    found: dict[str, str] = {}
    for job in cloud.jobs(run_id):
        inputs = {one["ChannelName"]: one["DataSource"] for one in job["InputDataConfig"]}
        step = step_of(run_id, job["TrainingJobName"])
        assert step is not None
        assert step not in found
        found[step] = inputs["code"]["S3DataSource"]["S3Uri"]
    return found


def test_a_run_goes_on_through_updates_of_its_stack_and_is_neither_lost_nor_doubled(
    cloud: Cloud, tmp_path: Path
):
    """One update while jobs run, one before planned jobs start, one before a person answers."""
    releases = [next_release(ASSEMBLY, tmp_path / name) for name in ("second", "third", "fourth")]
    run_id = cloud.submit(write_task(tmp_path / "task", "upgraded", approval="required"))
    (first,) = sources(cloud)
    taken = []
    for state, release in zip(("Probe", "Synthesize", None), releases, strict=True):
        if state is None:
            waiting(cloud, run_id)
        else:
            eventually(lambda: cloud.state(run_id) == state)  # noqa: B023
        bring_up(cloud.settings, release)
        (source,) = sources(cloud)
        taken.append(source)
    second, third, fourth = taken
    assert len({first, second, third, fourth}) == 4
    machine = cloud.stack.states.describe_state_machine(
        stateMachineArn=cloud.stack.state_machine_arn
    )
    assert "Superseded" in machine["definition"]
    (execution,) = [one for one in cloud.executions() if one["status"] == "RUNNING"]
    execution_arn = execution["executionArn"]
    assert waiting(cloud, run_id).execution_arn == execution_arn
    executions = len(cloud.executions())

    run("approve", run_id)
    row = cloud.finish(run_id)
    assert row.status == "succeeded", cloud.summary(run_id).reason
    assert row.execution_arn == execution_arn

    def outcome() -> str | None:
        # The definition of today would let it fail in the end.
        described = cloud.stack.states.describe_execution(executionArn=execution_arn)
        return None if described["status"] == "RUNNING" else described["status"]

    assert eventually(outcome) == "SUCCEEDED"
    assert len(cloud.executions()) == executions
    code = code_of_jobs(cloud, run_id)
    assert {step for step, source in code.items() if source == first} == {"probe-t0", "probe-s0"}
    planned = {"synthesize-a0", "distill-a0", "evaluate-a0"}
    assert {step for step, source in code.items() if source == second} == planned
    assert len(code) == 5
    assert cloud.billable() == {"jobs": [], "endpoints": ["stratos-upgraded"]}
    assert json.loads(run("sweep", "--json"))["removed"] == []
    endpoint.delete(cloud.stack, row)


def test_a_rejected_model_is_not_deployed_and_its_run_says_why(cloud: Cloud, tmp_path: Path):
    run_id = cloud.submit(write_task(tmp_path, "refused", approval="required"))
    waiting(cloud, run_id)
    run("reject", run_id, "--reason", "answers\ntoo tersely")
    assert cloud.finish(run_id).status == "failed"
    reason = cloud.summary(run_id).reason
    assert reason.startswith("ApprovalRejected: rejected by arn:")
    assert reason.endswith(": answers too tersely")
    assert eventually(lambda: version_of(cloud, run_id)["ModelApprovalStatus"] == "Rejected")
    assert cloud.billable() == NOTHING
