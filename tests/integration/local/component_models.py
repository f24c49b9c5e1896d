"""Components of tests: on an endpoint of their own, with models that are tiny servers."""

from __future__ import annotations

import json
from contextlib import contextmanager

from endpoint_models import create_config, settled
from sagemaker_cloud import ROLE, running_cloud

from infra.local.sagemaker.endpoints.endpoint_processes import EndpointProcesses
from infra.local.sagemaker.scalable_targets import ScalableTargets
from lambdas.aws import scaling as promotion
from stratos.contracts.plan import Server
from stratos.hosting.modes.interface import Connection
from stratos.hosting.modes.table import mode_named
from stratos.hosting.scaling import component_scaling
from tests import factories
from tests.patience import eventually

SCALE = 0.002
"""15 minutes of idling are 1.8 s, a minute of refusals is 0.12."""


STARTUP = {"ContainerStartupHealthCheckTimeoutInSeconds": 60}


@contextmanager
def component_cloud(state_dir, rollout_scale=SCALE):
    seams = [ScalableTargets(), EndpointProcesses()]
    with running_cloud(seams, state_dir, rollout_scale=rollout_scale) as running:
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
    return eventually(
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
