"""What a run and the command line do to a component."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from component_models import (
    answer,
    component,
    component_cloud,
    copies,
    create,
    promote,
    settled_component,
)
from endpoint_models import create_config, settled
from sagemaker_cloud import BUCKET, ROLE

from lambdas.aws import components
from lambdas.aws import sagemaker as control_plane
from lambdas.aws import scaling as promotion
from stratos.cli import endpoint
from stratos.cli.stack import Stack
from stratos.contracts.plan import Server
from stratos.errors import ComponentNotReady, DeploymentFailed
from stratos.hosting.build import build_deployment
from stratos.hosting.components import live_component
from stratos.hosting.names import DEFAULT_STACK, StackNames
from stratos.hosting.order import LiveEndpoint
from tests import factories
from tests.patience import eventually


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with component_cloud(tmp_path_factory.mktemp("state")) as running:
        yield running


def test_the_command_line_deletes_a_component_with_its_model_and_then_its_endpoint(
    cloud, monkeypatch
):
    for name, value in cloud.settings.client_environment(cloud.settings.endpoint_url).items():
        monkeypatch.setenv(name, value)
    create(cloud, "gone")
    promote(cloud, "gone", monkeypatch)
    cloud.client("dynamodb").create_table(
        TableName="runs",
        KeySchema=[{"AttributeName": "run_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "run_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    stack = Stack(BUCKET, "runs", "arn", "schedules", StackNames(DEFAULT_STACK))
    row = factories.run_row("gone-a", spec_name="gone", endpoint_name="gone")
    assert endpoint.delete(stack, row) == ["gone-a", "gone", "gone"]
    listed = cloud.sagemaker.list_inference_components(EndpointNameEquals="gone")
    assert listed["InferenceComponents"] == []
    targets = cloud.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=["inference-component/gone"]
    )
    assert targets["ScalableTargets"] == []


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

    assert eventually(awake, lambda model: model is not None) == "stratos-short-a"
    assert copies(cloud, "stratos-short") == 1
