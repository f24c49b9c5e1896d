"""What was in service is in service again, or wakes again."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from endpoint_models import CODE_IMAGE
from moto.sagemaker.models import sagemaker_backends
from moto_cloud import ROLE as ROLE_ARN
from moto_cloud import Cloud
from restarts import make_role, serving

from infra.local.host.settings import ACCOUNT_ID
from infra.local.saved.state import SavedState
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


FILES = {
    "answer.txt": "forty-two",
    "code/serving/__init__.py": "",
    "code/serving/__main__.py": SERVER,
}


def model_archive(files: Mapping[str, str]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as packed:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            packed.addfile(entry, io.BytesIO(text.encode()))
    return archive.getvalue()


def make_model(cloud: Cloud) -> None:
    """The model `m`, which says its answer to everything, and the role that reads it."""
    make_role(cloud)
    cloud("s3").create_bucket(Bucket="models")
    cloud("s3").put_object(Bucket="models", Key="m.tar.gz", Body=model_archive(FILES))
    cloud("sagemaker").create_model(
        ModelName="m",
        ExecutionRoleArn=ROLE_ARN,
        PrimaryContainer={"Image": CODE_IMAGE, "ModelDataUrl": "s3://models/m.tar.gz"},
    )


def make_component(cloud: Cloud) -> None:
    """The component `lazy` of the model, without a copy, on an endpoint of that name."""
    sagemaker = cloud("sagemaker")
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
    await_service(cloud, "lazy")
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


def make_endpoint(cloud: Cloud, name: str, *tags: dict[str, str]) -> None:
    """An endpoint of the model, in service."""
    sagemaker = cloud("sagemaker")
    variant = {
        "VariantName": "main",
        "ModelName": "m",
        "InstanceType": "ml.local.cpu1",
        "InitialInstanceCount": 1,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=list(tags))
    await_service(cloud, name)


def await_service(cloud: Cloud, name: str) -> None:

    def in_service() -> bool:
        endpoint = cloud("sagemaker").describe_endpoint(EndpointName=name)
        assert endpoint["EndpointStatus"] != "Failed", endpoint.get("FailureReason")
        return bool(endpoint["EndpointStatus"] == "InService")

    eventually(in_service)


def test_what_was_deleted_is_not_billed_again_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved, killed = tmp_path / "cloud" / "saved", tmp_path / "killed"
    with serving(tmp_path / "cloud") as cloud:
        make_model(cloud)
        make_component(cloud)
        for name in ("ended", "live", "again"):
            make_endpoint(cloud, name)
        eventually(lambda: '"EndpointName": "again"' in (saved / "state.json").read_text())
        with monkeypatch.context() as before_the_next_save:
            before_the_next_save.setattr(SavedState, "save", lambda *_: None)
            sagemaker = cloud("sagemaker")
            sagemaker.delete_inference_component(InferenceComponentName="lazy")
            for name in ("ended", "again"):
                sagemaker.delete_endpoint(EndpointName=name)
            eventually(lambda: len(sagemaker.list_endpoints()["Endpoints"]) == 2)
            sagemaker.create_endpoint(EndpointName="again", EndpointConfigName="again")
            shutil.copytree(saved, killed / "saved")
    with serving(killed) as cloud:
        listed = cloud("sagemaker").list_endpoints()["Endpoints"]
        assert {one["EndpointName"] for one in listed} == {"lazy", "live", "again"}
        assert cloud("sagemaker").list_inference_components()["InferenceComponents"] == []


def test_what_is_being_deleted_is_not_saved(tmp_path: Path) -> None:
    with serving(tmp_path) as cloud:
        make_model(cloud)
        make_endpoint(cloud, "going")
        backend = sagemaker_backends[ACCOUNT_ID]["us-east-1"]
        backend.endpoints["going"].endpoint_status = "Deleting"
    saved = json.loads((tmp_path / "saved" / "state.json").read_text())
    assert saved["records"]["us-east-1"]["sagemaker-endpoint"] == []


def test_an_endpoint_serves_again_after_a_restart(tmp_path: Path) -> None:

    def answer(cloud: Cloud) -> bytes:
        await_service(cloud, "live")
        response = cloud("sagemaker-runtime").invoke_endpoint(EndpointName="live", Body=b"{}")
        content: bytes = response["Body"].read()
        return content

    with serving(tmp_path) as cloud:
        make_model(cloud)
        make_endpoint(cloud, "live", {"Key": "run", "Value": "r1"})
        assert answer(cloud) == b"forty-two"
    with serving(tmp_path) as cloud:
        assert answer(cloud) == b"forty-two"
        endpoint = cloud("sagemaker").describe_endpoint(EndpointName="live")
        kept = cloud("sagemaker").list_tags(ResourceArn=endpoint["EndpointArn"])["Tags"]
        assert kept == [{"Key": "run", "Value": "r1"}]


def test_a_component_that_scaled_to_zero_wakes_after_a_restart(tmp_path: Path) -> None:
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
        make_model(cloud)
        make_component(cloud)
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
