"""Inference components on this machine: served, scaled to none and back, replaced, deleted."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError
from endpoint_models import DIES, create_config, describe, settled
from sagemaker_cloud import BUCKET, ROLE, running_cloud, wait_for

from infra.local.host.settings import REGION
from infra.local.sagemaker.endpoints.components import rolling
from infra.local.sagemaker.endpoints.endpoints import Endpoints
from infra.local.sagemaker.scalable_targets import ScalableTargets
from lambdas.aws import components
from lambdas.aws import sagemaker as control_plane
from lambdas.aws import scaling as promotion
from stratos.cli import endpoint
from stratos.cli.stack import Stack
from stratos.contracts.plan import Server
from stratos.errors import ComponentNotReady, DeploymentFailed, EndpointNotFound
from stratos.hosting.build import build_deployment
from stratos.hosting.components import component_guardrails, has_component, live_component
from stratos.hosting.modes.interface import Connection
from stratos.hosting.modes.table import mode_named
from stratos.hosting.order import LiveEndpoint
from stratos.hosting.scaling import component_scaling, remove_scaling
from tests import factories

SCALE = 0.002
"""15 minutes of idling are 1.8 s, a minute of refusals is 0.12."""
STARTUP = {"ContainerStartupHealthCheckTimeoutInSeconds": 60}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    seams = [ScalableTargets(), Endpoints()]
    with running_cloud(seams, tmp_path_factory.mktemp("state"), rollout_scale=SCALE) as running:
        yield running


def create_endpoint(cloud, name):
    """An endpoint for components; what it does not serve is a model `name-a` and a `name-b`."""
    for version in ("a", "b"):
        create_config(cloud, f"{name}-{version}")
    cloud.sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ExecutionRoleArn=ROLE,
        ProductionVariants=[
            {
                "VariantName": "main",
                "InstanceType": "ml.local.cpu1",
                "InitialInstanceCount": 1,
                "ManagedInstanceScaling": {
                    "Status": "ENABLED",
                    "MinInstanceCount": 0,
                    "MaxInstanceCount": 2,
                },
            }
        ],
    )
    cloud.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    return settled(cloud, name)


def specification(model, cores=0.75):
    return {
        "ModelName": model,
        "StartupParameters": STARTUP,
        "ComputeResourceRequirements": {
            "NumberOfCpuCoresRequired": cores,
            "MinMemoryRequiredInMb": 512,
        },
    }


def create(cloud, name):
    made = create_endpoint(cloud, name)
    create_component(cloud, name, f"{name}-a")
    found = settled_component(cloud, name)
    assert found["InferenceComponentStatus"] == "InService", found.get("FailureReason")
    return made


def create_component(cloud, name, model):
    return cloud.sagemaker.create_inference_component(
        InferenceComponentName=name,
        EndpointName=name,
        VariantName="main",
        Specification=specification(model),
        RuntimeConfig={"CopyCount": 1},
        Tags=[{"Key": "stratos:run", "Value": "r"}],
    )


def component(cloud, name):
    return cloud.sagemaker.describe_inference_component(InferenceComponentName=name)


def settled_component(cloud, name):
    return wait_for(
        lambda: component(cloud, name),
        lambda found: found["InferenceComponentStatus"] in {"InService", "Failed"},
    )


def copies(cloud, name):
    return component(cloud, name)["RuntimeConfig"]["CurrentCopyCount"]


def ask(cloud, name, patience_seconds=20.0, tell=lambda _: None):
    connection = Connection(
        endpoint_name=name,
        spec_name="",
        bucket="",
        runtime=cloud.client("sagemaker-runtime"),
        s3=None,
        patience_seconds=patience_seconds,
        tell=tell,
    )
    return mode_named("scale_to_zero").ask(connection, b"{}")


def answer(cloud, name, **options):
    return json.loads(ask(cloud, name, **options))["answer"]


def promote(cloud, name, monkeypatch):
    """What Promote puts for a component, by its own functions."""
    server = Server(
        instance_type="ml.local.cpu1",
        count=1,
        region="us-east-1",
        purchase="on_demand",
        usd_per_hour=0.1,
    )
    scaling = component_scaling(factories.spec(), server, name)
    monkeypatch.setattr(promotion, "client", cloud.client)
    promotion.apply(name, scaling)
    return scaling


def test_a_component_serves_an_endpoint_that_was_made_without_a_model(cloud):
    assert has_component(create(cloud, "first"))
    assert answer(cloud, "first") == "first-a"
    config = cloud.sagemaker.describe_endpoint_config(EndpointConfigName="first")
    assert config["ExecutionRoleArn"] == ROLE
    described = component(cloud, "first")
    assert described["Specification"] == specification("first-a")
    assert described["RuntimeConfig"] == {"DesiredCopyCount": 1, "CurrentCopyCount": 1}
    listed = cloud.sagemaker.list_inference_components(EndpointNameEquals="first")
    assert [item["InferenceComponentName"] for item in listed["InferenceComponents"]] == ["first"]
    tags = cloud.sagemaker.list_tags(ResourceArn=described["InferenceComponentArn"])["Tags"]
    assert tags == [{"Key": "stratos:run", "Value": "r"}]
    groups = cloud.client("logs").describe_log_groups()["logGroups"]
    assert "/aws/sagemaker/InferenceComponents/first" in {g["logGroupName"] for g in groups}


def test_what_is_asked_wrongly_is_refused_in_words(cloud):
    create(cloud, "strict")
    runtime = cloud.client("sagemaker-runtime")
    with pytest.raises(ClientError, match="Inference Component Name header is required"):
        runtime.invoke_endpoint(EndpointName="strict", Body=b"{}")
    with pytest.raises(ClientError, match=r"Inference Component other .*not found"):
        runtime.invoke_endpoint(EndpointName="strict", InferenceComponentName="other", Body=b"{}")
    with pytest.raises(ClientError, match="already existing"):
        create_component(cloud, "strict", "strict-b")
    with pytest.raises(ClientError, match="Could not find inference component"):
        component(cloud, "nowhere")
    with pytest.raises(ClientError, match="whose model is in an inference component"):
        cloud.sagemaker.update_endpoint(EndpointName="strict", EndpointConfigName="strict")


def test_an_endpoint_is_not_deleted_before_its_component(cloud):
    create(cloud, "last")
    with pytest.raises(ClientError, match=r"hosts inference component last\. Delete that first"):
        cloud.sagemaker.delete_endpoint(EndpointName="last")
    cloud.sagemaker.delete_inference_component(InferenceComponentName="last")
    wait_for(
        lambda: cloud.sagemaker.list_inference_components(EndpointNameEquals="last"),
        lambda listed: not listed["InferenceComponents"],
    )
    cloud.sagemaker.delete_endpoint(EndpointName="last")
    with pytest.raises(ClientError, match="Could not find endpoint"):
        describe(cloud, "last")


def test_the_command_line_deletes_a_component_with_its_model_and_then_its_endpoint(
    cloud, monkeypatch
):
    for name, value in {
        "AWS_ENDPOINT_URL": cloud.settings.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    create(cloud, "gone")
    promote(cloud, "gone", monkeypatch)
    cloud.client("dynamodb").create_table(
        TableName="runs",
        KeySchema=[{"AttributeName": "run_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "run_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    stack = Stack(BUCKET, "runs", "arn", "schedules")
    row = factories.run_row("gone-a", spec_name="gone", endpoint_name="gone")
    assert endpoint.delete(stack, row, objects=False) == ["gone-a", "gone", "gone"]
    listed = cloud.sagemaker.list_inference_components(EndpointNameEquals="gone")
    assert listed["InferenceComponents"] == []
    targets = cloud.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=["inference-component/gone"]
    )
    assert targets["ScalableTargets"] == []


def test_a_model_that_does_not_start_fails_its_component(cloud):
    create_endpoint(cloud, "dead")
    create_config(cloud, "dead-model", program=DIES)
    create_component(cloud, "dead", "dead-model")
    failed = settled_component(cloud, "dead")
    assert failed["InferenceComponentStatus"] == "Failed"
    assert "no weights in the model directory" in failed["FailureReason"]


def test_a_promoted_component_goes_to_none_when_idle_and_a_refused_request_wakes_it(
    cloud, monkeypatch
):
    create(cloud, "sleepy")
    scaling = promote(cloud, "sleepy", monkeypatch)
    assert scaling.target["MinCapacity"] == 0
    wait_for(lambda: copies(cloud, "sleepy"), lambda count: count == 0)
    with pytest.raises(ClientError, match=r"ValidationError.*has no capacity"):
        cloud.client("sagemaker-runtime").invoke_endpoint(
            EndpointName="sleepy", InferenceComponentName="sleepy", Body=b"{}"
        )
    told = []
    assert answer(cloud, "sleepy", tell=told.append) == "sleepy-a"
    assert ["scaled to zero and refused" in line for line in told] == [True]
    assert copies(cloud, "sleepy") == 1


def test_without_its_wake_alarm_a_component_stays_at_none(cloud, monkeypatch):
    create(cloud, "deaf")
    promote(cloud, "deaf", monkeypatch)
    wait_for(lambda: copies(cloud, "deaf"), lambda count: count == 0)
    remove_scaling(
        cloud.client("application-autoscaling"), cloud.client("cloudwatch"), "deaf", "main"
    )
    with pytest.raises(EndpointNotFound, match="no instance was in service within 1 s"):
        answer(cloud, "deaf", patience_seconds=1.0)
    cloud.sagemaker.update_inference_component_runtime_config(
        InferenceComponentName="deaf", DesiredRuntimeConfig={"CopyCount": 1}
    )
    assert settled_component(cloud, "deaf")["RuntimeConfig"]["CurrentCopyCount"] == 1
    assert answer(cloud, "deaf") == "deaf-a"


def test_no_request_fails_while_a_component_is_updated(cloud):
    create(cloud, "swap")
    guard = component_guardrails(
        "swap", "swap-b", copies=1, startup_seconds=60, max_p95_latency_ms=20_000
    )
    for alarm in guard.alarms:
        cloud.client("cloudwatch").put_metric_alarm(**alarm)
    answers, over = Counter(), threading.Event()

    def ask_on():
        while not over.is_set():
            answers[answer(cloud, "swap", patience_seconds=0.0)] += 1

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(ask_on) for _ in range(3)]
        cloud.sagemaker.update_inference_component(
            InferenceComponentName="swap",
            Specification=specification("swap-b"),
            DeploymentConfig=guard.deployment_config,
        )
        with pytest.raises(ClientError, match="while it is in state Updating"):
            cloud.sagemaker.delete_inference_component(InferenceComponentName="swap")
        settled_component(cloud, "swap")
        seen = answers["swap-b"]
        wait_for(lambda: answers["swap-b"], lambda count: count >= seen + 5)
        over.set()
        for future in running:
            future.result()
    assert set(answers) == {"swap-a", "swap-b"}
    described = component(cloud, "swap")
    assert described["Specification"]["ModelName"] == "swap-b"
    assert described["LastDeploymentConfig"] == guard.deployment_config


def test_an_update_to_a_model_that_does_not_start_leaves_the_former_in_service(cloud):
    create(cloud, "steady")
    create_config(cloud, "steady-dead", program=DIES)
    cloud.sagemaker.update_inference_component(
        InferenceComponentName="steady", Specification=specification("steady-dead")
    )
    described = settled_component(cloud, "steady")
    assert described["InferenceComponentStatus"] == "InService"
    assert described["Specification"]["ModelName"] == "steady-a"
    assert "no weights" in described["FailureReason"]
    assert answer(cloud, "steady") == "steady-a"


def run_of(cloud, monkeypatch, name, previous=None):
    """The deployment of a run, as its functions see it in this cloud."""
    for module in (components, control_plane, promotion):
        monkeypatch.setattr(module, "client", cloud.client)
    monkeypatch.setattr(components, "_SETTLING_SECONDS", 0.2)
    server = Server(
        instance_type="ml.local.cpu1",
        count=1,
        region="us-east-1",
        purchase="on_demand",
        usd_per_hour=0.1,
    )
    order = factories.order(
        factories.spec(name=name, hosting={"mode": "scale_to_zero"}),
        factories.match_evidence(serving=server, p95_latency_ms=100.0),
        suffix=f"-{name}",
        live=previous and LiveEndpoint("scale_to_zero", None, previous),
        now=datetime.now(UTC),
        servers=factories.servers(),
    )
    built = build_deployment(order)
    create_config(cloud, built.model_name)
    return built


def test_a_run_that_failed_puts_the_former_model_back(cloud, monkeypatch):
    create(cloud, "stratos-back")
    before = live_component(component(cloud, "stratos-back"))
    built = run_of(cloud, monkeypatch, "back", before)
    cloud.sagemaker.update_inference_component(
        InferenceComponentName="stratos-back", Specification=built.component.specification
    )
    settled_component(cloud, "stratos-back")
    assert components.wait_for(built, "model") == built.model_name
    assert answer(cloud, "stratos-back") == built.model_name
    undone = components.undo(built, time.monotonic() + 30)
    assert undone == ([built.model_name], "stratos-back")
    assert answer(cloud, "stratos-back") == "stratos-back-a"
    with pytest.raises(DeploymentFailed, match="was rolled back to stratos-back-a"):
        components.wait_for(built, "model")


def test_a_run_that_failed_takes_all_back_that_it_made(cloud, monkeypatch):
    built = run_of(cloud, monkeypatch, "fresh")
    cloud.sagemaker.delete_endpoint_config(EndpointConfigName=built.endpoint_config_name)
    cloud.sagemaker.create_endpoint_config(
        EndpointConfigName=built.endpoint_config_name,
        ExecutionRoleArn=ROLE,
        ProductionVariants=[built.production_variant],
    )
    cloud.sagemaker.create_endpoint(
        EndpointName=built.endpoint_name, EndpointConfigName=built.endpoint_config_name
    )
    settled(cloud, built.endpoint_name)
    assert components.wait_for(built, "endpoint") is None
    cloud.sagemaker.create_inference_component(
        InferenceComponentName=built.component.name,
        EndpointName=built.endpoint_name,
        VariantName=built.production_variant["VariantName"],
        Specification=built.component.specification,
        RuntimeConfig=built.component.runtime_config,
    )
    deleted, restored = components.undo(built, time.monotonic() + 30)  # while it still starts
    assert restored is None
    name = built.model_name
    assert deleted == ["stratos-fresh", "stratos-fresh", name, name]
    assert components.undo(built, time.monotonic() + 30) == ([], None)


def test_missing_copies_are_asked_for_before_an_update(cloud, monkeypatch):
    create(cloud, "stratos-short")
    built = run_of(cloud, monkeypatch, "short", live_component(component(cloud, "stratos-short")))
    cloud.sagemaker.update_inference_component_runtime_config(
        InferenceComponentName="stratos-short", DesiredRuntimeConfig={"CopyCount": 0}
    )
    settled_component(cloud, "stratos-short")

    def awake():
        try:
            return components.wait_for(built, "copies")
        except ComponentNotReady:
            return None

    assert wait_for(awake, lambda model: model is not None) == "stratos-short-a"
    assert copies(cloud, "stratos-short") == 1


def test_an_update_names_alarms_that_are_there(cloud):
    create(cloud, "unwatched")
    guard = component_guardrails(
        "unwatched", "x", copies=1, startup_seconds=60, max_p95_latency_ms=None
    )
    with pytest.raises(ClientError, match="Could not find alarm x-errors"):
        cloud.sagemaker.update_inference_component(
            InferenceComponentName="unwatched",
            Specification=specification("unwatched-b"),
            DeploymentConfig=guard.deployment_config,
        )


def test_a_rolling_update_moves_batch_by_batch():
    def of(size, number):
        policy = {"MaximumBatchSize": size, "WaitIntervalInSeconds": 300}
        return rolling({"RollingUpdatePolicy": policy}, number, 0.01)

    assert of({"Type": "COPY_COUNT", "Value": 1}, 1).shares == (1.0,)
    assert of({"Type": "COPY_COUNT", "Value": 1}, 4).shares == (0.25, 0.5, 0.75, 1.0)
    assert of({"Type": "CAPACITY_PERCENT", "Value": 50}, 4).shares == (0.5, 1.0)
    assert of({"Type": "COPY_COUNT", "Value": 1}, 4).wait_seconds == pytest.approx(3.0)
    with pytest.raises(Exception, match="at most 50%"):
        of({"Type": "COPY_COUNT", "Value": 3}, 4)
