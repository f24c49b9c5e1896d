"""Functions as real processes, behind moto's Lambda API."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto_cloud import ECHO, Cloud, package

from tests.patience import eventually


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


def test_an_update_of_the_configuration_reaches_the_next_invocation(cloud: Cloud) -> None:
    source = "import os\ndef handler(event, context):\n    return os.environ.get('MODE')\n"
    cloud.create_function("configured", source, Environment={"Variables": {"MODE": "old"}})
    before = cloud.invoke("configured")["Payload"]
    cloud("lambda").update_function_configuration(
        FunctionName="configured", Environment={"Variables": {"MODE": "new"}}
    )
    assert [before, cloud.invoke("configured")["Payload"]] == ["old", "new"]


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
