"""What SageMaker is asked for, held against botocore's models of its services."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from stratos.hosting.components import rolling_update
from stratos.hosting.deployment import Deployment
from stratos.hosting.names import VARIANT
from stratos.units import GIB
from tests.unit.stratos.hosting.deployments import LIVE, LULLS, TO_ZERO, deployment


def problems(service: str, operation: str, request: dict[str, Any]) -> str:
    """What botocore would refuse in a request."""
    model = boto3.client(service, region_name="us-east-1").meta.service_model
    shape = model.operation_model(operation).input_shape
    return str(ParamValidator().validate(request, shape).generate_report())


def requests_of(built: Deployment) -> list[tuple[str, str, dict[str, Any]]]:
    """Every request that the states and Promote make of a deployment."""
    name, tags = built.endpoint_config_name, built.tags
    config: dict[str, Any] = {
        "EndpointConfigName": name,
        "ProductionVariants": [built.production_variant],
        "Tags": tags,
    }
    if built.async_inference_config is not None:
        config["AsyncInferenceConfig"] = built.async_inference_config
    model = {"ModelName": built.model_name, "PrimaryContainer": built.container, "Tags": tags}
    update: dict[str, Any] = {"EndpointName": built.endpoint_name, "EndpointConfigName": name}
    made = [
        ("sagemaker", "CreateModel", model),
        ("sagemaker", "CreateEndpointConfig", config),
        ("sagemaker", "UpdateEndpoint", update),
        ("sagemaker", "CreateModelPackage", built.model_package),
    ]
    if built.component is not None:
        made = [item for item in made if item[1] != "UpdateEndpoint"]
        made += component_requests(built)
        config["ExecutionRoleArn"] = "arn:aws:iam::123456789012:role/endpoint"
    if built.guardrails is not None:
        update["DeploymentConfig"] = built.guardrails.deployment_config
        made += [("cloudwatch", "PutMetricAlarm", alarm) for alarm in built.guardrails.alarms]
    if built.scaling is not None:
        scaling = "application-autoscaling"
        made.append((scaling, "RegisterScalableTarget", built.scaling.target))
        made += [(scaling, "PutScalingPolicy", policy) for policy in built.scaling.policies]
        if built.scaling.wake_alarm is not None:
            made.append(("cloudwatch", "PutMetricAlarm", built.scaling.wake_alarm))
    return made


def component_requests(built: Deployment) -> list[tuple[str, str, dict[str, Any]]]:
    component = built.component
    assert component is not None
    assert built.guardrails is not None
    named = {"InferenceComponentName": component.name}
    create = {
        **named,
        "EndpointName": built.endpoint_name,
        "VariantName": VARIANT,
        "Specification": component.specification,
        "RuntimeConfig": component.runtime_config,
        "Tags": built.tags,
    }
    copies = {**named, "DesiredRuntimeConfig": component.runtime_config}
    update = {
        **named,
        "Specification": component.specification,
        "DeploymentConfig": built.guardrails.deployment_config,
    }
    made = [
        ("sagemaker", "CreateInferenceComponent", create),
        ("sagemaker", "UpdateInferenceComponentRuntimeConfig", copies),
        ("sagemaker", "UpdateInferenceComponent", update),
    ]
    if component.previous is not None:
        back = {**named, "Specification": component.previous.specification}
        made.append(
            (
                "sagemaker",
                "UpdateInferenceComponent",
                back | {"DeploymentConfig": rolling_update(1, 9)},
            )
        )
    return made


@pytest.mark.parametrize(
    "built",
    [
        deployment(),
        deployment("ml.g5.12xlarge", 2, 30 * GIB, {}, load=LULLS),
        deployment(hosting={"mode": "serverless"}),
        deployment(count=3, hosting={"mode": "async", "max_instances": 5}),
        deployment(constraints={}),
        deployment("ml.g5.12xlarge", 2, hosting={"mode": "scale_to_zero", "max_instances": 3}),
        deployment(live=TO_ZERO, component=LIVE),
    ],
    ids=["realtime", "gpu fleet", "serverless", "async", "no limits", "to zero", "replaced"],
)
def test_every_request_is_one_that_botocore_would_send(built):
    for service, operation, request in requests_of(built):
        assert problems(service, operation, request) == "", operation


def test_a_plan_that_splits_its_model_is_deployed_split():
    built = deployment("ml.g6.12xlarge", devices=2, replicas=2)
    assert built.container["Environment"]["SM_VLLM_TENSOR_PARALLEL_SIZE"] == "2"
    assert built.container["Environment"]["SM_VLLM_DATA_PARALLEL_SIZE"] == "2"


def test_a_model_that_calls_tools_is_deployed_with_the_parser_that_its_job_found():
    built = deployment("ml.g6.xlarge", tool_parser="hermes")
    assert built.container["Environment"]["SM_VLLM_TOOL_CALL_PARSER"] == "hermes"
    assert "SM_VLLM_TOOL_CALL_PARSER" not in deployment("ml.g6.xlarge").container["Environment"]
