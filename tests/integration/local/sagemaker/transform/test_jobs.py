"""Batch transform jobs on this machine: SageMaker's contract, with a server of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from endpoint_models import CODE_IMAGE, DIES, SERVER
from sagemaker_cloud import BUCKET, ROLE, Cloud, running_cloud

from infra.local.sagemaker.transform.jobs import TransformJobProcesses
from infra.local.stepfunctions.sagemaker_sync import SyncIntegrations
from tests.patience import eventually

OVER = {"Completed", "Failed", "Stopped"}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    seams = [SyncIntegrations(), TransformJobProcesses()]
    with running_cloud(seams, tmp_path_factory.mktemp("state")) as running:
        create_model(running, "model")
        create_model(running, "dies", DIES)
        yield running


def create_model(cloud: Cloud, name: str, program: str = SERVER) -> None:
    uri = cloud.put_tar(
        f"models/{name}.tar.gz",
        {"answer.txt": name, "code/serving/__main__.py": program, "code/serving/__init__.py": ""},
    )
    cloud.sagemaker.create_model(
        ModelName=name,
        PrimaryContainer={
            "Image": CODE_IMAGE,
            "ModelDataUrl": uri,
            "Environment": {"FROM_MODEL": "yes"},
        },
        ExecutionRoleArn=ROLE,
    )


def request(name: str, model: str = "model", **changes: Any) -> dict[str, Any]:
    return {
        "TransformJobName": name,
        "ModelName": model,
        "BatchStrategy": "SingleRecord",
        "MaxConcurrentTransforms": 4,
        "MaxPayloadInMB": 1,
        "ModelClientConfig": {"InvocationsMaxRetries": 0},
        "Environment": {"FROM_JOB": "yes"},
        "TransformInput": {
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in/{name}/"}
            },
            "ContentType": "application/json",
            "SplitType": "Line",
        },
        "TransformOutput": {
            "S3OutputPath": f"s3://{BUCKET}/out/{name}",
            "Accept": "application/json",
            "AssembleWith": "Line",
        },
        "TransformResources": {"InstanceType": "ml.local.cpu1", "InstanceCount": 1},
    } | changes


def create(cloud: Cloud, name: str, *contents: str, model: str = "model", **changes: Any) -> None:
    for number, content in enumerate(contents):
        cloud.put(f"in/{name}/{number}.jsonl", content)
    cloud.sagemaker.create_transform_job(**request(name, model, **changes))


def describe(cloud: Cloud, name: str) -> dict[str, Any]:
    described: dict[str, Any] = cloud.sagemaker.describe_transform_job(TransformJobName=name)
    return described


def finished(cloud: Cloud, name: str) -> dict[str, Any]:
    return eventually(lambda: describe(cloud, name), lambda job: job["TransformJobStatus"] in OVER)


def test_each_line_is_answered_in_its_place_by_a_server_that_is_gone_afterwards(cloud):
    lines = [f"question {number}" for number in range(20)]
    create(cloud, "lines", "".join(f"{line}\n" for line in lines))
    job = finished(cloud, "lines")
    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    assert job["CreationTime"] <= job["TransformStartTime"] < job["TransformEndTime"]
    assert cloud.keys("out/lines") == ["out/lines/0.jsonl.out"]
    output = cloud.get(f"s3://{BUCKET}/out/lines/0.jsonl.out").decode()
    answers = [json.loads(line) for line in output.splitlines()]
    assert [answer["body"] for answer in answers] == lines
    assert answers[0]["accept"] == "application/json"
    environment = answers[0]["environment"]
    assert (environment["FROM_MODEL"], environment["FROM_JOB"]) == ("yes", "yes")
    assert environment["OMP_NUM_THREADS"] == "1"
    assert not Path(f"/proc/{answers[0]['pid']}").exists()
    assert "invoked" in cloud.log_lines("/aws/sagemaker/TransformJobs", "lines/")


def test_one_bad_line_costs_its_object_and_the_job_but_no_other_object(cloud):
    create(cloud, "bad", "good\nbad\ngood\n", "good\n")
    job = finished(cloud, "bad")
    assert job["TransformJobStatus"] == "Failed"
    assert "1 of 2 objects failed" in job["FailureReason"]
    assert "status 422" in job["FailureReason"]
    assert cloud.keys("out/bad") == ["out/bad/1.jsonl.out"]


def test_a_model_that_does_not_start_fails_the_job_with_the_end_of_its_log(cloud):
    create(cloud, "unhealthy", "a\n", model="dies")
    job = finished(cloud, "unhealthy")
    assert job["TransformJobStatus"] == "Failed"
    assert "no weights in the model directory" in job["FailureReason"]


def test_no_input_fails_the_job(cloud):
    create(cloud, "empty")
    assert "No S3 objects found" in finished(cloud, "empty")["FailureReason"]


def test_a_job_that_is_stopped_writes_nothing_and_cannot_be_stopped_again(cloud):
    create(cloud, "stopped", "slow\n" * 50)
    eventually(
        lambda: describe(cloud, "stopped").get("TransformStartTime"), lambda time: time is not None
    )
    cloud.sagemaker.stop_transform_job(TransformJobName="stopped")
    assert finished(cloud, "stopped")["TransformJobStatus"] == "Stopped"
    assert cloud.keys("out/stopped") == []
    with pytest.raises(ClientError, match="in status Stopped"):
        cloud.sagemaker.stop_transform_job(TransformJobName="stopped")


def test_jobs_are_listed_by_status_and_carry_their_tags(cloud):
    tags = [{"Key": "stratos:run", "Value": "tiles-1"}]
    create(cloud, "listed-job", "a\n", Tags=tags)
    arn = finished(cloud, "listed-job")["TransformJobArn"]
    assert cloud.sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
    pages = cloud.sagemaker.get_paginator("list_transform_jobs")
    [page] = pages.paginate(NameContains="listed-job", StatusEquals="Completed")
    [summary] = page["TransformJobSummaries"]
    assert (summary["TransformJobName"], summary["TransformJobArn"]) == ("listed-job", arn)


def data_source(name: str, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = request(name)["TransformInput"]
    return given | changes


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"MaxPayloadInMB": 30}, "cannot exceed 100 MB"),
        ({"TransformJobName": "a_b"}, "transformJobName"),
        ({"TransformInput": data_source("x", SplitType="RecordIO")}, "SplitType RecordIO"),
        ({"TransformInput": data_source("x", SplitType="None")}, "BatchStrategy needs a SplitType"),
        ({"BatchStrategy": "MultiRecord"}, "BatchStrategy MultiRecord"),
        ({"DataProcessing": {"JoinSource": "Input"}}, "DataProcessing"),
        ({"Environment": {f"V{n}": "" for n in range(17)}}, "environment"),
        ({"ModelName": "absent"}, "Could not find model"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(cloud, changes, problem):
    with pytest.raises(ClientError, match=problem):
        cloud.sagemaker.create_transform_job(**request("refused") | changes)


def test_a_name_is_taken_once(cloud):
    create(cloud, "twice", "a\n")
    with pytest.raises(ClientError, match="already exists"):
        cloud.sagemaker.create_transform_job(**request("twice"))
    finished(cloud, "twice")


def run_machine(cloud: Cloud, name: str, job: dict[str, Any]) -> dict[str, Any]:
    states = cloud.client("stepfunctions")
    definition = {
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sagemaker:createTransformJob.sync",
                "Parameters": job,
                "ResultSelector": {"Error": "", "Cause": ""},
                "ResultPath": "$.transformed",
                "Catch": [
                    {
                        "ErrorEquals": ["States.ALL"],
                        "ResultPath": "$.transformed",
                        "Next": "Judge",
                    }
                ],
                "Next": "Judge",
            },
            "Judge": {"Type": "Pass", "End": True},
        },
    }
    arn = states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)[
        "stateMachineArn"
    ]
    execution = states.start_execution(stateMachineArn=arn, input="{}")["executionArn"]
    ended = eventually(
        lambda: states.describe_execution(executionArn=execution),
        lambda described: described["status"] != "RUNNING",
    )
    assert ended["status"] == "SUCCEEDED"
    output: dict[str, Any] = json.loads(ended["output"])["transformed"]
    return output


def test_a_state_waits_for_its_job_and_catches_one_that_failed(cloud):
    cloud.put("in/state-good/0.jsonl", "a\n")
    assert run_machine(cloud, "good", request("state-good")) == {"Error": "", "Cause": ""}
    assert describe(cloud, "state-good")["TransformJobStatus"] == "Completed"
    cloud.put("in/state-bad/0.jsonl", "bad\n")
    caught = run_machine(cloud, "failing", request("state-bad"))
    assert caught["Error"] == "States.TaskFailed"
    assert "status 422" in json.loads(caught["Cause"])["FailureReason"]
