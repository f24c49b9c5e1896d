"""What a cloud saves when it stops is there when it starts again."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from assembly import ROLE, function, template, write_assembly
from moto.moto_api._internal.models import moto_api_backend
from moto_cloud import ROLE as ROLE_ARN
from moto_cloud import Cloud

from infra.local.cloudformation.deploy import deploy
from infra.local.host.settings import LocalSettings
from infra.local.saved.state import RestoreError
from infra.local.server import LocalCloud
from stratos.contracts.plan import Server
from stratos.hosting.modes.interface import Connection
from stratos.hosting.modes.table import mode_named
from stratos.hosting.scaling import component_scaling
from tests import factories
from tests.patience import eventually

SERVER = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ANSWER = Path(os.environ["SM_MODEL_DIR"], "answer.txt").read_bytes()


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)


port = int(os.environ["SAGEMAKER_BIND_TO_PORT"])
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
SOURCES = {"app.py": "def handler(event, context):\n    return event\n"}


@contextmanager
def serving(state_dir: Path) -> Iterator[Cloud]:
    """A whole cloud in this process, saved at the end, in a moto that knows nothing yet."""
    moto_api_backend.reset()
    local = LocalCloud(LocalSettings(state_dir=state_dir))
    settings = local.start()
    try:
        yield Cloud(settings)
    finally:
        local.stop()


def stack(tmp_path: Path) -> Path:
    bucket = {
        "VersioningConfiguration": {"Status": "Enabled"},
        "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
    }
    table = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    wait = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 600, "End": True}}}
    resources = {
        "Role": ROLE,
        "Data": {"Type": "AWS::S3::Bucket", "Properties": bucket},
        "Runs": {"Type": "AWS::DynamoDB::Table", "Properties": table},
        "Work": function("work"),
        "Ended": {"Type": "AWS::SQS::Queue"},
        "Arrived": {"Type": "AWS::SQS::Queue"},
        "Flow": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionString": json.dumps(wait),
            },
        },
        "OnEnd": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {"source": ["aws.states"], "detail": {"status": ["ABORTED"]}},
                "Targets": [{"Id": "q", "Arn": {"Fn::GetAtt": ["Ended", "Arn"]}}],
            },
        },
        "OnUpload": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {"source": ["aws.s3"]},
                "Targets": [{"Id": "q", "Arn": {"Fn::GetAtt": ["Arrived", "Arn"]}}],
            },
        },
    }
    names = ("Data", "Runs", "Work", "Flow", "Ended", "Arrived")
    content = template(resources, **{name: {"Ref": name} for name in names})
    return write_assembly(tmp_path / "assembly", "Kept", content, {"work": SOURCES})


def test_a_stack_comes_back_with_its_names_its_data_and_its_code(tmp_path: Path) -> None:
    assembly, state = stack(tmp_path), tmp_path / "state"
    with serving(state) as cloud:
        made = deploy(assembly, cloud.settings.endpoint_url)
        s3 = cloud("s3")
        old = s3.put_object(Bucket=made["Data"], Key="a/b", Body=b"old")["VersionId"]
        new = s3.put_object(
            Bucket=made["Data"],
            Key="a/b",
            Body=b"\x00new",
            ContentType="application/x-thing",
            Metadata={"run": "r1"},
            Tagging="k=v",
        )
        s3.put_object(Bucket=made["Data"], Key="gone", Body=b"x")
        s3.delete_object(Bucket=made["Data"], Key="gone")
        item = {"id": {"S": "r1"}, "n": {"N": "1.5"}, "raw": {"B": b"\x01"}, "l": {"L": []}}
        cloud("dynamodb").put_item(TableName=made["Runs"], Item=item)

    with serving(state) as cloud:
        assert deploy(assembly, cloud.settings.endpoint_url) == made
        s3 = cloud("s3")
        latest = s3.get_object(Bucket=made["Data"], Key="a/b")
        assert latest["Body"].read() == b"\x00new"
        assert (latest["VersionId"], latest["ETag"]) == (new["VersionId"], new["ETag"])
        assert (latest["ContentType"], latest["Metadata"]) == ("application/x-thing", {"run": "r1"})
        tags = s3.get_object_tagging(Bucket=made["Data"], Key="a/b")["TagSet"]
        assert tags == [{"Key": "k", "Value": "v"}]
        before = s3.get_object(Bucket=made["Data"], Key="a/b", VersionId=old)
        assert before["Body"].read() == b"old"
        versions = s3.list_object_versions(Bucket=made["Data"])
        assert [marker["Key"] for marker in versions["DeleteMarkers"]] == ["gone"]
        assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=made["Data"])["Contents"]] == [
            "a/b"
        ]
        assert cloud("dynamodb").scan(TableName=made["Runs"])["Items"] == [item]
        assert cloud.invoke(made["Work"], {"x": 1})["Payload"] == {"x": 1}
        # Restoring is no upload: the queue of upload events stays empty until there is a new one.
        assert cloud.queue_length(made["Arrived"]) == 0
        s3.put_object(Bucket=made["Data"], Key="c", Body=b"")
        assert cloud.receive(made["Arrived"])["Body"]["detail"]["object"]["key"] == "c"


def test_an_execution_that_was_running_is_reported_aborted_by_the_next_cloud(
    tmp_path: Path,
) -> None:
    assembly, state = stack(tmp_path), tmp_path / "state"
    with serving(state) as cloud:
        made = deploy(assembly, cloud.settings.endpoint_url)
        execution = cloud("stepfunctions").start_execution(
            stateMachineArn=made["Flow"], name="run-1", input='{"k": 1}'
        )["executionArn"]
    with serving(state) as cloud:
        detail = cloud.receive(made["Ended"])["Body"]["detail"]
    assert (detail["executionArn"], detail["status"]) == (execution, "ABORTED")
    assert (detail["input"], detail["name"]) == ('{"k": 1}', "run-1")
    assert "stopped while it ran" in detail["cause"]


def test_what_the_pipeline_made_by_itself_comes_back_too(tmp_path: Path) -> None:
    with serving(tmp_path) as cloud:
        sagemaker = cloud("sagemaker")
        cloud("s3").create_bucket(Bucket="loose")
        cloud("s3").put_object(Bucket="loose", Key="k", Body=b"v")
        cloud("secretsmanager").create_secret(Name="token", SecretString="s3cret")
        cloud("dynamodb").create_table(
            TableName="loose",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        cloud("dynamodb").put_item(TableName="loose", Item={"id": {"S": "x"}})
        sagemaker.create_model_package_group(ModelPackageGroupName="students")
        for version in ("one", "two"):
            sagemaker.create_model_package(
                ModelPackageGroupName="students",
                ModelPackageDescription=version,
                ModelApprovalStatus="Approved",
            )
        (second,) = (
            package["ModelPackageArn"]
            for package in sagemaker.list_model_packages(ModelPackageGroupName="students")[
                "ModelPackageSummaryList"
            ]
            if package["ModelPackageVersion"] == 2
        )
        sagemaker.update_model_package(
            ModelPackageArn=second, ModelApprovalStatus="Rejected", ApprovalDescription="too terse"
        )
        sagemaker.create_model(
            ModelName="student",
            ExecutionRoleArn=ROLE_ARN,
            PrimaryContainer={"Image": "image", "ModelDataUrl": "s3://loose/k"},
            Tags=[{"Key": "run", "Value": "r1"}],
        )
        target = {"Arn": cloud.create_queue("target")[1], "RoleArn": ROLE_ARN, "Input": "{}"}
        for name, expression in (("weekly", "rate(7 days)"), ("past", "at(2020-01-01T00:00:00)")):
            cloud("scheduler").create_schedule(
                Name=name,
                ScheduleExpression=expression,
                FlexibleTimeWindow={"Mode": "OFF"},
                Target=target,
            )
        eventually(lambda: cloud.queue_length(cloud.create_queue("target")[0]) == 2)

    with serving(tmp_path) as cloud:
        url, _ = cloud.create_queue("target")
        assert cloud("s3").get_object(Bucket="loose", Key="k")["Body"].read() == b"v"
        value = cloud("secretsmanager").get_secret_value(SecretId="token")
        assert value["SecretString"] == "s3cret"
        assert cloud("dynamodb").scan(TableName="loose")["Count"] == 1
        sagemaker = cloud("sagemaker")
        packages = sagemaker.list_model_packages(ModelPackageGroupName="students")
        found = {
            package["ModelPackageVersion"]: sagemaker.describe_model_package(
                ModelPackageName=package["ModelPackageArn"]
            )
            for package in packages["ModelPackageSummaryList"]
        }
        assert {n: package["ModelPackageDescription"] for n, package in found.items()} == {
            1: "one",
            2: "two",
        }
        decided = [
            (package["ModelApprovalStatus"], package.get("ApprovalDescription"))
            for _, package in sorted(found.items())
        ]
        assert decided == [("Approved", None), ("Rejected", "too terse")]
        model = sagemaker.describe_model(ModelName="student")
        assert model["PrimaryContainer"]["ModelDataUrl"] == "s3://loose/k"
        assert sagemaker.list_tags(ResourceArn=model["ModelArn"])["Tags"] == [
            {"Key": "run", "Value": "r1"}
        ]
        schedules = cloud("scheduler").list_schedules()["Schedules"]
        assert [schedule["Name"] for schedule in schedules] == ["weekly"]
        # Neither a rate schedule nor a past one fires for having been made again.
        cloud("sqs").send_message(QueueUrl=url, MessageBody='"marker"')
        assert cloud.receive(url)["Body"] == "marker"


def model_archive(files: Mapping[str, str]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as packed:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            packed.addfile(entry, io.BytesIO(text.encode()))
    return archive.getvalue()


def test_an_endpoint_serves_again_after_a_restart(tmp_path: Path) -> None:
    files = {
        "answer.txt": "forty-two",
        "code/serving/__init__.py": "",
        "code/serving/__main__.py": SERVER,
    }

    def answer(cloud: Cloud) -> bytes:
        def in_service() -> bool:
            endpoint = cloud("sagemaker").describe_endpoint(EndpointName="live")
            assert endpoint["EndpointStatus"] != "Failed", endpoint.get("FailureReason")
            return bool(endpoint["EndpointStatus"] == "InService")

        eventually(in_service)
        response = cloud("sagemaker-runtime").invoke_endpoint(EndpointName="live", Body=b"{}")
        content: bytes = response["Body"].read()
        return content

    with serving(tmp_path) as cloud:
        cloud("s3").create_bucket(Bucket="models")
        cloud("s3").put_object(Bucket="models", Key="m.tar.gz", Body=model_archive(files))
        sagemaker = cloud("sagemaker")
        sagemaker.create_model(
            ModelName="m",
            ExecutionRoleArn=ROLE_ARN,
            PrimaryContainer={"Image": "image", "ModelDataUrl": "s3://models/m.tar.gz"},
        )
        variant = {
            "VariantName": "main",
            "ModelName": "m",
            "InstanceType": "ml.local.cpu1",
            "InitialInstanceCount": 1,
            "InitialVariantWeight": 1.0,
        }
        sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
        tags = [{"Key": "run", "Value": "r1"}]
        sagemaker.create_endpoint(EndpointName="live", EndpointConfigName="c", Tags=tags)
        assert answer(cloud) == b"forty-two"
    with serving(tmp_path) as cloud:
        assert answer(cloud) == b"forty-two"
        endpoint = cloud("sagemaker").describe_endpoint(EndpointName="live")
        kept = cloud("sagemaker").list_tags(ResourceArn=endpoint["EndpointArn"])["Tags"]
        assert kept == [{"Key": "run", "Value": "r1"}]


def test_a_component_that_scaled_to_zero_wakes_after_a_restart(tmp_path: Path) -> None:
    files = {
        "answer.txt": "forty-two",
        "code/serving/__init__.py": "",
        "code/serving/__main__.py": SERVER,
    }
    server = Server(
        instance_type="ml.local.cpu1",
        count=1,
        region="us-east-1",
        purchase="on_demand",
        usd_per_hour=0.1,
    )
    scaling = component_scaling(factories.spec(), server, "lazy")

    def copies(cloud: Cloud) -> int | None:
        described = cloud("sagemaker").describe_inference_component(InferenceComponentName="lazy")
        settled = described["InferenceComponentStatus"] == "InService"
        return described["RuntimeConfig"]["CurrentCopyCount"] if settled else None

    with serving(tmp_path) as cloud:
        cloud("s3").create_bucket(Bucket="models")
        cloud("s3").put_object(Bucket="models", Key="m.tar.gz", Body=model_archive(files))
        sagemaker = cloud("sagemaker")
        sagemaker.create_model(
            ModelName="m",
            ExecutionRoleArn=ROLE_ARN,
            PrimaryContainer={"Image": "image", "ModelDataUrl": "s3://models/m.tar.gz"},
        )
        variant = {
            "VariantName": "main",
            "InstanceType": "ml.local.cpu1",
            "InitialInstanceCount": 1,
            "ManagedInstanceScaling": {"Status": "ENABLED", "MinInstanceCount": 0},
        }
        sagemaker.create_endpoint_config(
            EndpointConfigName="c", ExecutionRoleArn=ROLE_ARN, ProductionVariants=[variant]
        )
        sagemaker.create_endpoint(EndpointName="lazy", EndpointConfigName="c")
        eventually(
            lambda: (
                sagemaker.describe_endpoint(EndpointName="lazy")["EndpointStatus"] == "InService"
            )
        )
        sagemaker.create_inference_component(
            InferenceComponentName="lazy",
            EndpointName="lazy",
            VariantName="main",
            Specification={
                "ModelName": "m",
                "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 256},
            },
            RuntimeConfig={"CopyCount": 0},
            Tags=[{"Key": "run", "Value": "r1"}],
        )
        autoscaling, cloudwatch = cloud("application-autoscaling"), cloud("cloudwatch")
        autoscaling.register_scalable_target(**scaling.target)
        arns = [autoscaling.put_scaling_policy(**p)["PolicyARN"] for p in scaling.policies]
        cloudwatch.put_metric_alarm(**scaling.wake_alarm, AlarmActions=[arns[-1]])
        assert copies(cloud) == 0
    with serving(tmp_path) as cloud:
        assert copies(cloud) == 0
        described = cloud("sagemaker").describe_inference_component(InferenceComponentName="lazy")
        tags = cloud("sagemaker").list_tags(ResourceArn=described["InferenceComponentArn"])["Tags"]
        assert tags == [{"Key": "run", "Value": "r1"}]
        connection = Connection(
            endpoint_name="lazy",
            spec_name="",
            bucket="",
            runtime=cloud("sagemaker-runtime"),
            s3=None,
            patience_seconds=30.0,
        )
        assert mode_named("scale_to_zero").ask(connection, b"{}") == b"forty-two"
        assert copies(cloud) == 1


def test_content_is_stored_once_and_forgotten_when_nothing_has_it(tmp_path: Path) -> None:
    blobs = tmp_path / "saved" / "blobs"
    with serving(tmp_path) as cloud:
        cloud("s3").create_bucket(Bucket="blobs")
        for key in ("one", "two"):
            cloud("s3").put_object(Bucket="blobs", Key=key, Body=b"same")
        cloud("s3").put_object(Bucket="blobs", Key="three", Body=b"other")
    assert len(list(blobs.iterdir())) == 2
    with serving(tmp_path) as cloud:
        cloud("s3").delete_object(Bucket="blobs", Key="three")
    assert [path.read_bytes() for path in blobs.iterdir()] == [b"same"]


def test_a_state_that_cannot_be_restored_is_kept_and_explained(tmp_path: Path) -> None:
    saved = tmp_path / "saved" / "state.json"
    saved.parent.mkdir()
    saved.write_text(json.dumps({"format": 99}))
    threads = threading.active_count()
    with (
        pytest.raises(RestoreError, match=r"format is 99, not 1\. Move that directory away"),
        serving(tmp_path),
    ):
        pass
    assert saved.exists()
    assert threading.active_count() == threads


def test_a_port_is_kept_from_one_start_to_the_next(tmp_path: Path) -> None:
    def port() -> Any:
        with serving(tmp_path) as cloud:
            return cloud.settings.port

    assert port() == port()
