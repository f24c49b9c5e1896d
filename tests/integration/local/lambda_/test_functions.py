"""Contract of the functions seam: moto's Lambda API in front of real processes."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto_cloud import Cloud, package, running_cloud

from infra.local.lambda_.function_processes import FunctionProcesses
from tests.patience import eventually

ECHO = "def handler(event, context):\n    return event\n"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    functions = FunctionProcesses(retry_waits_seconds=(0.01, 0.02))
    with running_cloud(tmp_path_factory.mktemp("cloud"), functions) as running:
        yield running


def messages(cloud: Cloud, name: str, group: str = "") -> list[str]:
    """What the function's log group holds, in order."""
    logs = cloud("logs")
    group = group or f"/aws/lambda/{name}"
    streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    return [
        event["message"]
        for stream in streams
        for event in logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
    ]


def test_a_handler_sees_its_event_its_context_and_only_its_own_environment(cloud: Cloud) -> None:
    os.environ["DAEMON_ONLY"] = "secret"
    source = (
        "import os\n"
        "def handler(event, context):\n"
        "    return {'event': event, 'left': context.get_remaining_time_in_millis(),\n"
        "            'arn': context.invoked_function_arn, 'memory': context.memory_limit_in_mb,\n"
        "            'env': dict(os.environ), 'cwd': os.getcwd()}\n"
    )
    try:
        arn = cloud.create_function(
            "context", source, MemorySize=256, Environment={"Variables": {"TABLE": "runs"}}
        )
        result = cloud.invoke("context", {"greeting": "grüß"})["Payload"]
    finally:
        del os.environ["DAEMON_ONLY"]
    environment = result["env"]
    assert result["event"] == {"greeting": "grüß"}
    assert 0 < result["left"] <= 20_000
    assert result["arn"] == arn
    assert result["memory"] == "256"
    assert environment["TABLE"] == "runs"
    assert environment["_HANDLER"] == "app.handler"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "context"
    assert environment["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert environment["AWS_ENDPOINT_URL"] == cloud.settings.endpoint_url
    assert environment["LAMBDA_TASK_ROOT"] == result["cwd"]
    assert "DAEMON_ONLY" not in environment


def test_a_warm_process_serves_the_next_invocation(cloud: Cloud) -> None:
    source = (
        "import os\ncount = 0\n"
        "def handler(event, context):\n"
        "    global count\n    count += 1\n    return [os.getpid(), count]\n"
    )
    cloud.create_function("warm", source)
    first, second = (cloud.invoke("warm")["Payload"] for _ in range(2))
    assert first == [second[0], 1]
    assert second[1] == 2


def test_a_handler_reaches_the_cloud_with_the_boto3_of_the_runtime(cloud: Cloud) -> None:
    source = (
        "import boto3\n"
        "def handler(event, context):\n"
        "    boto3.client('s3').put_object(Bucket='written', Key='a b', Body=b'x')\n"
    )
    cloud("s3").create_bucket(Bucket="written")
    cloud.create_function("writer", source)
    assert "FunctionError" not in cloud.invoke("writer")
    assert cloud("s3").get_object(Bucket="written", Key="a b")["Body"].read() == b"x"


def test_a_package_without_a_dependency_fails_although_this_environment_has_it(
    cloud: Cloud,
) -> None:
    cloud.create_function("lacking", "import pydantic\n" + ECHO)
    response = cloud.invoke("lacking", {})
    assert response["FunctionError"] == "Unhandled"
    assert response["Payload"]["errorType"] == "Runtime.ImportModuleError"
    assert "No module named 'pydantic'" in response["Payload"]["errorMessage"]


def test_a_layer_is_on_the_path(cloud: Cloud) -> None:
    layer = cloud("lambda").publish_layer_version(
        LayerName="extra", Content={"ZipFile": package({"python/extra.py": "WORD = 'layered'\n"})}
    )
    source = "import extra\ndef handler(event, context):\n    return extra.WORD\n"
    cloud.create_function("layered", source, Layers=[layer["LayerVersionArn"]])
    assert cloud.invoke("layered")["Payload"] == "layered"


def test_code_comes_from_a_bucket_and_an_update_of_it_is_picked_up(cloud: Cloud) -> None:
    cloud("s3").create_bucket(Bucket="packages")
    for number in (1, 2):
        body = package({"app.py": f"def handler(event, context):\n    return {number}\n"})
        cloud("s3").put_object(Bucket="packages", Key=f"{number}.zip", Body=body)
    cloud.create_function("bucketed", "", Code={"S3Bucket": "packages", "S3Key": "1.zip"})
    before = cloud.invoke("bucketed")["Payload"]
    cloud("lambda").update_function_code(
        FunctionName="bucketed", S3Bucket="packages", S3Key="2.zip"
    )
    assert [before, cloud.invoke("bucketed")["Payload"]] == [1, 2]


def test_an_update_of_the_configuration_reaches_the_next_invocation(cloud: Cloud) -> None:
    source = "import os\ndef handler(event, context):\n    return os.environ.get('MODE')\n"
    cloud.create_function("configured", source, Environment={"Variables": {"MODE": "old"}})
    before = cloud.invoke("configured")["Payload"]
    cloud("lambda").update_function_configuration(
        FunctionName="configured", Environment={"Variables": {"MODE": "new"}}
    )
    assert [before, cloud.invoke("configured")["Payload"]] == ["old", "new"]


def test_an_exception_is_an_unhandled_function_error_with_its_trace(cloud: Cloud) -> None:
    source = (
        "class SpecRejected(Exception): pass\n"
        "def handler(event, context):\n    raise SpecRejected('no dataset')\n"
    )
    cloud.create_function("raising", source)
    response = cloud.invoke("raising", {})
    assert response["FunctionError"] == "Unhandled"
    assert response["Payload"]["errorType"] == "SpecRejected"
    assert response["Payload"]["errorMessage"] == "no dataset"
    assert "raise SpecRejected" in response["Payload"]["stackTrace"][0]


@pytest.mark.parametrize(
    ("name", "module", "error_type"),
    [
        ("failing-import", "1 / 0\n" + ECHO, "ZeroDivisionError"),
        ("exiting-import", "import os\nos._exit(1)\n" + ECHO, "Runtime.ExitError"),
        ("malformed", "def handler(:\n", "Runtime.UserCodeSyntaxError"),
        ("handlerless", "def other(event, context): ...\n", "Runtime.HandlerNotFound"),
    ],
)
def test_a_package_that_does_not_come_up_fails_every_invocation(
    cloud: Cloud, name: str, module: str, error_type: str
) -> None:
    cloud.create_function(name, module)
    responses = [cloud.invoke(name, {}) for _ in range(2)]
    assert [r["FunctionError"] for r in responses] == ["Unhandled"] * 2
    assert [r["Payload"]["errorType"] for r in responses] == [error_type] * 2


def test_a_function_past_its_timeout_is_killed_and_the_next_invocation_is_fresh(
    cloud: Cloud, tmp_path: Path
) -> None:
    source = (
        "import os, pathlib, time\n"
        "def handler(event, context):\n"
        "    if event['sleep']:\n"
        "        pathlib.Path(event['pid_file']).write_text(str(os.getpid()))\n"
        "        time.sleep(60)\n"
        "    return 'awake'\n"
    )
    cloud.create_function("slow", source, Timeout=1)
    pid_file = tmp_path / "pid"
    response = cloud.invoke("slow", {"sleep": True, "pid_file": str(pid_file)})
    assert response["FunctionError"] == "Unhandled"
    assert response["Payload"]["errorType"] == "Sandbox.Timedout"
    assert response["Payload"]["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert not Path(f"/proc/{pid_file.read_text()}").exists()
    assert cloud.invoke("slow", {"sleep": False})["Payload"] == "awake"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("os._exit(3)", "Runtime exited with error: exit status 3"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("os.kill(os.getpid(), 9)", "Runtime exited with error: signal: killed"),
    ],
)
def test_a_process_that_ends_under_its_request_is_an_exit_error(
    cloud: Cloud, statement: str, message: str
) -> None:
    name = f"crash-{message.split()[-1]}"
    cloud.create_function(name, f"import os\ndef handler(event, context):\n    {statement}\n")
    response = cloud.invoke(name, {})
    assert response["FunctionError"] == "Unhandled"
    assert response["Payload"]["errorType"] == "Runtime.ExitError"
    assert response["Payload"]["errorMessage"].endswith(f"Error: {message}")


def test_parallel_invocations_run_side_by_side(cloud: Cloud, tmp_path: Path) -> None:
    # Each waits until all three are running, which one process could never see.
    source = (
        "import os, pathlib, time\n"
        "def handler(event, context):\n"
        "    here = pathlib.Path(event)\n"
        "    (here / str(os.getpid())).touch()\n"
        "    while len(list(here.iterdir())) < 3: time.sleep(0.01)\n"
        "    return os.getpid()\n"
    )
    cloud.create_function("parallel", source)
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda _: cloud.invoke("parallel", str(tmp_path)), range(3)))
    assert len({result["Payload"] for result in results}) == 3


def test_reserved_concurrency_throttles(cloud: Cloud, tmp_path: Path) -> None:
    source = (
        "import pathlib, time\n"
        "def handler(event, context):\n"
        "    here = pathlib.Path(event)\n"
        "    (here / 'running').touch()\n"
        "    while not (here / 'go').exists(): time.sleep(0.01)\n"
    )
    cloud.create_function("single", source)
    cloud("lambda").put_function_concurrency(FunctionName="single", ReservedConcurrentExecutions=1)
    holder = threading.Thread(target=cloud.invoke, args=("single", str(tmp_path)))
    holder.start()
    eventually((tmp_path / "running").exists)
    with pytest.raises(ClientError, match="Rate Exceeded") as refused:
        cloud.invoke("single", str(tmp_path))
    (tmp_path / "go").touch()
    holder.join()
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_output_is_logged_between_the_platforms_lines(cloud: Cloud) -> None:
    source = (
        "import logging, sys\nprint('at import')\n"
        "def handler(event, context):\n"
        "    print('to stdout')\n    print('to stderr', file=sys.stderr)\n"
        "    logging.warning('through logging')\n"
    )
    cloud.create_function("logging", source)
    tail = cloud.invoke("logging", {}, LogType="Tail")["LogResult"]
    lines = messages(cloud, "logging")
    assert lines[0] == "at import"
    assert lines[1].startswith("START RequestId: ")
    assert lines[2:4] == ["to stdout", "to stderr"]
    assert lines[4].startswith("[WARNING]")
    assert lines[4].endswith("through logging")
    assert lines[5].startswith("END RequestId: ")
    assert "Init Duration: " in lines[6]
    assert base64.b64decode(tail).decode().splitlines() == lines


def test_a_trace_is_logged_line_by_line(cloud: Cloud) -> None:
    cloud.create_function("traced", "def handler(event, context):\n    return event['absent']\n")
    cloud.invoke("traced", {})
    assert "[ERROR] KeyError: 'absent'" in messages(cloud, "traced")


def test_a_function_logs_where_and_how_its_configuration_says(cloud: Cloud) -> None:
    source = (
        "import logging\n"
        "def handler(event, context):\n"
        "    logging.getLogger().info('hello', extra={'run': 'r1'})\n"
    )
    logging = {"LogFormat": "JSON", "LogGroup": "/stratos/run", "ApplicationLogLevel": "INFO"}
    cloud.create_function("structured", source, LoggingConfig=logging)
    cloud.invoke("structured", {})
    start, line, report = (json.loads(m) for m in messages(cloud, "structured", "/stratos/run"))
    assert start["type"] == "platform.start"
    assert (line["message"], line["run"]) == ("hello", "r1")
    assert line["requestId"] == report["record"]["requestId"]
    assert report["record"]["status"] == "success"
    described = cloud("lambda").get_function_configuration(FunctionName="structured")
    assert described["LoggingConfig"] == logging


def test_a_throttled_event_waits_for_its_turn(cloud: Cloud, tmp_path: Path) -> None:
    source = (
        "import pathlib, time\n"
        "def handler(event, context):\n"
        "    here = pathlib.Path(event['here'])\n"
        "    (here / str(event['n'])).touch()\n"
        "    while not (here / 'go').exists(): time.sleep(0.01)\n"
    )
    cloud.create_function("queued", source)
    cloud("lambda").put_function_concurrency(FunctionName="queued", ReservedConcurrentExecutions=1)
    for n in range(2):
        event = {"here": str(tmp_path), "n": n}
        cloud.invoke("queued", event, InvocationType="Event")
    eventually(lambda: len(list(tmp_path.iterdir())) == 1)
    (tmp_path / "go").touch()
    eventually(lambda: len(list(tmp_path.iterdir())) == 3)


def test_an_event_is_accepted_at_once_and_runs_later(cloud: Cloud, tmp_path: Path) -> None:
    source = (
        "import pathlib, time\n"
        "def handler(event, context):\n"
        "    here = pathlib.Path(event)\n"
        "    while not (here / 'go').exists(): time.sleep(0.01)\n"
        "    (here / 'done').touch()\n"
    )
    cloud.create_function("later", source)
    response = cloud.invoke("later", str(tmp_path), InvocationType="Event")
    assert (response["StatusCode"], response["Payload"]) == (202, None)
    (tmp_path / "go").touch()
    eventually((tmp_path / "done").exists)


def test_a_failing_event_is_tried_three_times_then_goes_to_its_destination(cloud: Cloud) -> None:
    url, arn = cloud.create_queue("failures")
    cloud.create_function(
        "doomed", "class Nope(Exception): pass\ndef handler(event, context):\n    raise Nope\n"
    )
    cloud("lambda").put_function_event_invoke_config(
        FunctionName="doomed", DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    cloud.invoke("doomed", {"n": 1}, InvocationType="Event")
    record = cloud.receive(url)["Body"]
    assert record["requestPayload"] == {"n": 1}
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "Nope"


def test_a_failed_event_goes_to_the_dead_letter_queue(cloud: Cloud) -> None:
    url, arn = cloud.create_queue("dead-events")
    cloud.create_function(
        "dying",
        "def handler(event, context):\n    raise ValueError('no')\n",
        DeadLetterConfig={"TargetArn": arn},
    )
    cloud("lambda").put_function_event_invoke_config(FunctionName="dying", MaximumRetryAttempts=0)
    cloud.invoke("dying", {"n": 2}, InvocationType="Event")
    message = cloud.receive(url)
    assert message["Body"] == {"n": 2}
    assert "ValueError" in message["MessageAttributes"]["ErrorMessage"]["StringValue"]


def test_versions_and_aliases_run_the_code_they_were_published_with(cloud: Cloud) -> None:
    source = "def handler(event, context):\n    return [{}, context.function_version]\n"
    cloud.create_function("versioned", source.format("'old'"))
    client = cloud("lambda")
    client.publish_version(FunctionName="versioned")
    client.create_alias(FunctionName="versioned", Name="live", FunctionVersion="1")
    client.update_function_code(
        FunctionName="versioned", ZipFile=package({"app.py": source.format("'new'")})
    )
    # A key of the payload named like the parameter must not be taken for it.
    payload = {"qualifier": "absent"}
    alias_arn = client.get_alias(FunctionName="versioned", Name="live")["AliasArn"]
    assert cloud.invoke("versioned", payload)["Payload"] == ["new", "$LATEST"]
    assert cloud.invoke("versioned", payload, Qualifier="1")["Payload"] == ["old", "1"]
    assert cloud.invoke("versioned", payload, Qualifier="live")["ExecutedVersion"] == "1"
    assert cloud.invoke(alias_arn, payload)["Payload"] == ["old", "1"]
    with pytest.raises(ClientError, match="Function not found"):
        cloud.invoke("versioned", payload, Qualifier="absent")


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ({"Runtime": "nodejs20.x"}, "runtime nodejs20.x"),
        (
            {"PackageType": "Image", "Code": {"ImageUri": "repo:latest"}, "Runtime": "python3.11"},
            "Image|runtime",
        ),
    ],
)
def test_what_cannot_run_here_says_so(cloud: Cloud, properties: dict[str, Any], found: str) -> None:
    name = f"foreign-{properties.get('PackageType', 'zip')}"
    cloud.create_function(name, ECHO, **properties)
    with pytest.raises(ClientError, match=f"has .*({found}).*zip packages on Python"):
        cloud.invoke(name, {})


def test_a_payload_that_is_no_json_is_refused(cloud: Cloud) -> None:
    cloud.create_function("strict", ECHO)
    with pytest.raises(ClientError, match="Could not parse request body into json") as refused:
        cloud("lambda").invoke(FunctionName="strict", Payload=b"{")
    assert refused.value.response["Error"]["Code"] == "InvalidRequestContentException"


def test_a_dry_run_runs_nothing(cloud: Cloud) -> None:
    cloud.create_function("dry", "raise SystemExit('must not start')\n")
    assert cloud.invoke("dry", {}, InvocationType="DryRun")["StatusCode"] == 204


def task(resource: str, parameters: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    state = {"Type": "Task", "Resource": resource, "End": True, **fields}
    if parameters:
        state["Parameters"] = parameters
    return {"StartAt": "Task", "States": {"Task": state, "Caught": {"Type": "Pass", "End": True}}}


@pytest.fixture(scope="module")
def stepping(cloud: Cloud) -> str:
    """ARN of a function that fails with an error of the event's choosing."""
    return cloud.create_function(
        "stepping",
        "import time\n"
        "class NoFeasiblePlan(Exception): pass\n"
        "def handler(event, context):\n"
        "    if event.get('fail'): raise NoFeasiblePlan('none fits')\n"
        "    if event.get('sleep'): time.sleep(60)\n"
        "    return {'got': event}\n",
        Timeout=1,
    )


def test_step_functions_invokes_by_arn_and_through_the_optimized_integration(
    cloud: Cloud, stepping: str
) -> None:
    direct = cloud.create_state_machine("direct", task(stepping))
    integrated = cloud.create_state_machine(
        "integrated",
        task(
            "arn:aws:states:::lambda:invoke",
            {"FunctionName": stepping, "Payload.$": "$"},
            OutputPath="$.Payload",
        ),
    )
    outputs = [json.loads(cloud.execute(arn, {"n": 1})["output"]) for arn in (direct, integrated)]
    assert outputs == [{"got": {"n": 1}}] * 2


@pytest.mark.parametrize(
    ("document", "error"),
    [({"fail": True}, "NoFeasiblePlan"), ({"sleep": True}, "Sandbox.Timedout")],
)
@pytest.mark.parametrize("integrated", [True, False])
def test_step_functions_catches_a_function_error_by_its_name(
    cloud: Cloud, stepping: str, document: dict[str, Any], error: str, integrated: bool
) -> None:
    catch = [{"ErrorEquals": [error], "Next": "Caught"}]
    resource = "arn:aws:states:::lambda:invoke" if integrated else stepping
    parameters = {"FunctionName": stepping, "Payload.$": "$"} if integrated else None
    machine = cloud.create_state_machine(
        f"catching-{error.replace('.', '-')}-{integrated}", task(resource, parameters, Catch=catch)
    )
    execution = cloud.execute(machine, document)
    assert execution["status"] == "SUCCEEDED"
    caught = json.loads(execution["output"])
    assert caught["Error"] == error
    assert json.loads(caught["Cause"])["errorType"] == error


def test_a_states_own_timeout_is_states_timeout(cloud: Cloud) -> None:
    arn = cloud.create_function(
        "lingering", "import time\ndef handler(event, context):\n    time.sleep(2)\n"
    )
    catch = [{"ErrorEquals": ["States.Timeout"], "Next": "Caught"}]
    machine = cloud.create_state_machine("impatient", task(arn, TimeoutSeconds=1, Catch=catch))
    execution = cloud.execute(machine, {})
    assert json.loads(execution["output"])["Error"] == "States.Timeout"
