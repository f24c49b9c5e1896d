"""Calls from one region into another, and none where one of them is cut off."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from judged_cloud import allow, client_as, make_role
from moto_cloud import Cloud
from regions import HOME, WORKER, cut_off, make_bucket_in, two_regions

from infra.local.host.network import NetworkCall, RegionNetwork
from infra.local.lambda_.function_processes import FunctionProcesses
from infra.local.sagemaker.endpoints.endpoint_processes import EndpointProcesses
from infra.local.stepfunctions.executions import StepFunctions
from tests.patience import eventually

DELAYS: list[float] = []
MEANWHILE: list[Callable[[], object]] = []
"""What happens while a call is under way."""
LOOKS = """
import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

def handler(event, context):
    once = Config(retries={"total_max_attempts": 1})
    seen = {}
    for region in event["regions"]:
        try:
            jobs = boto3.client("sagemaker", region_name=region, config=once).list_training_jobs()
            seen[region] = len(jobs["TrainingJobSummaries"])
        except BotoCoreError as error:
            seen[region] = type(error).__name__
    return seen
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    seams = (StepFunctions(), FunctionProcesses(), EndpointProcesses())
    folder = tmp_path_factory.mktemp("cloud")

    def delay(seconds: float) -> None:
        DELAYS.append(seconds)
        for happens in MEANWHILE:
            happens()

    with two_regions(folder, *seams, delays=delay) as running:
        make_bucket_in(running, WORKER, "of-the-worker")
        running("s3").create_bucket(Bucket="of-home")
        running("s3").put_object(Bucket="of-home", Key="here", Body=b"content")
        yield running


@pytest.fixture(scope="module")
def role(cloud: Cloud) -> str:
    return make_role(cloud, "copies", "lambda", allow("*"))


def test_nobody_outside_gets_into_a_region_that_is_cut_off(cloud: Cloud) -> None:
    worker = cloud.in_region(WORKER)
    with cut_off(cloud, WORKER):
        with pytest.raises(BotoCoreError):
            worker("sagemaker").list_training_jobs()
        with pytest.raises(BotoCoreError):
            cloud("s3").list_objects_v2(Bucket="of-the-worker")
        assert cloud("sagemaker").list_training_jobs()["TrainingJobSummaries"] == []
        assert worker("iam").list_roles()["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert worker("sagemaker").list_training_jobs()["TrainingJobSummaries"] == []


def test_a_function_of_a_region_that_is_cut_off_reaches_its_own_region_alone(
    cloud: Cloud, role: str
) -> None:
    worker = cloud.in_region(WORKER)
    worker.create_function("looks", LOOKS, Role=role)
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "looks", "Payload": {"regions": [HOME, WORKER]}},
        "OutputPath": "$.Payload",
        "End": True,
    }
    machine_role = make_role(cloud, "machine", "states", allow("*"))
    machine = worker("stepfunctions").create_state_machine(
        name="looks",
        definition=json.dumps({"StartAt": "Look", "States": {"Look": task}}),
        roleArn=machine_role,
    )["stateMachineArn"]
    inside = client_as(worker, role, "stepfunctions", calls_from=WORKER)

    def looked() -> Any:
        arn = inside.start_execution(stateMachineArn=machine)["executionArn"]
        found = eventually(
            lambda: inside.describe_execution(executionArn=arn),
            lambda execution: execution["status"] != "RUNNING",
        )
        return json.loads(found["output"])

    assert looked() == {HOME: 0, WORKER: 0}
    with cut_off(cloud, WORKER):
        assert looked() == {HOME: "ConnectionClosedError", WORKER: 0}


def test_a_copy_reaches_for_its_source_as_well(cloud: Cloud, role: str) -> None:
    worker = client_as(cloud.in_region(WORKER), role, "s3", calls_from=WORKER)
    source = {"Bucket": "of-home", "Key": "here"}
    worker.copy_object(Bucket="of-the-worker", Key="there", CopySource=source)
    with cut_off(cloud, WORKER), pytest.raises(BotoCoreError):
        worker.copy_object(Bucket="of-the-worker", Key="again", CopySource=source)
    listed = worker.list_objects_v2(Bucket="of-the-worker")
    assert [one["Key"] for one in listed["Contents"]] == ["there"]


def test_a_call_into_another_region_takes_a_round_trip_longer(cloud: Cloud, role: str) -> None:
    RegionNetwork(cloud.settings).set_round_trip(HOME, WORKER, 70)
    worker = cloud.in_region(WORKER)
    DELAYS.clear()
    client_as(worker, role, "sagemaker", calls_from=WORKER).list_training_jobs()
    worker("sagemaker").list_training_jobs()
    assert DELAYS == []
    client_as(worker, role, "sagemaker", calls_from=HOME).list_training_jobs()
    assert DELAYS == [0.07]
    runtime = client_as(worker, role, "sagemaker-runtime", calls_from=HOME)
    with pytest.raises(ClientError, match="not found"):
        runtime.invoke_endpoint(EndpointName="none", Body=b"{}")
    assert DELAYS == [0.07, 0.07]


def test_a_call_that_is_under_way_when_its_region_is_cut_off_does_not_arrive(
    cloud: Cloud, role: str
) -> None:
    network = RegionNetwork(cloud.settings)
    network.set_round_trip(HOME, WORKER, 70)
    there = client_as(cloud.in_region(WORKER), role, "s3", calls_from=HOME)
    MEANWHILE.append(lambda: network.cut(WORKER))
    try:
        with pytest.raises(BotoCoreError):
            there.put_object(Bucket="of-the-worker", Key="late", Body=b"late")
    finally:
        MEANWHILE.clear()
        network.mend(WORKER)
    listed = there.list_objects_v2(Bucket="of-the-worker")
    assert "late" not in [one["Key"] for one in listed["Contents"]]


def test_another_region_is_called_as_far_as_the_policy_says(cloud: Cloud) -> None:
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/*"
    may = [
        allow("sagemaker:DescribeTrainingJob", arn),
        allow("sagemaker:ListTrainingJobs", StringEquals={"aws:RequestedRegion": [WORKER]}),
    ]
    role = make_role(cloud, "looks-there", "lambda", *may)
    for region, allowed in ((WORKER, True), (HOME, False)):
        client = client_as(cloud.in_region(region), role, "sagemaker", calls_from=HOME)
        for call in (
            client.list_training_jobs,
            lambda client=client: client.describe_training_job(TrainingJobName="none"),
        ):
            assert _may(call) == allowed


def _may(call: Any) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] != "AccessDeniedException"
    return True


def test_a_machine_starts_nothing_in_another_region(cloud: Cloud, tmp_path: Path) -> None:
    role = make_role(cloud, "starts", "states", allow("*"))
    done = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    there = cloud.in_region(WORKER)("stepfunctions").create_state_machine(
        name="there", definition=json.dumps(done), roleArn=role
    )["stateMachineArn"]
    start = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:startExecution",
        "Parameters": {"StateMachineArn": there, "Input": "{}"},
        "End": True,
    }
    here = cloud("stepfunctions").create_state_machine(
        name="here",
        definition=json.dumps({"StartAt": "Start", "States": {"Start": start}}),
        roleArn=role,
    )["stateMachineArn"]
    assert cloud.execute(here, {})["error"] == "Sfn.StateMachineDoesNotExistException"
    assert cloud.in_region(WORKER).executions_of(there) == []


def test_a_machine_calls_no_function_of_another_region(cloud: Cloud, role: str) -> None:
    there = cloud.in_region(WORKER).create_function("only-there", LOOKS, Role=role)
    machine_role = make_role(cloud, "calls", "states", allow("*"))
    for task in (
        {"Resource": there},
        {"Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": there}},
    ):
        state = {"Type": "Task", "End": True, **task}
        machine = cloud("stepfunctions").create_state_machine(
            name=f"calls-{len(task)}",
            definition=json.dumps({"StartAt": "NetworkCall", "States": {"NetworkCall": state}}),
            roleArn=machine_role,
        )["stateMachineArn"]
        ended = cloud.execute(machine, {"regions": []})
        assert ended["status"] == "FAILED"
        assert "Function not found" in ended["cause"]


def test_a_region_is_cut_off_at_a_call_which_is_the_first_that_it_loses(
    cloud: Cloud, role: str
) -> None:
    worker = cloud.in_region(WORKER)
    s3 = client_as(cloud, role, "s3", calls_from=HOME)
    there = client_as(worker, role, "s3", calls_from=HOME)
    network = RegionNetwork(cloud.settings)
    call = NetworkCall(
        origin=HOME, region=WORKER, service="s3", operation="PutObject", key="served/"
    )
    network.cut_at(WORKER, call)
    try:
        there.put_object(Bucket="of-the-worker", Key="runs/1", Body=b"before")
        s3.put_object(Bucket="of-home", Key="served/1", Body=b"at home")
        with pytest.raises(BotoCoreError):
            there.put_object(Bucket="of-the-worker", Key="served/1", Body=b"first")
        assert network.cut_off() == [WORKER]
    finally:
        network.mend(WORKER)
    keys = [one["Key"] for one in there.list_objects_v2(Bucket="of-the-worker")["Contents"]]
    assert "served/1" not in keys
    assert "runs/1" in keys
