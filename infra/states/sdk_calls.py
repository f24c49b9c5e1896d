"""States that call an AWS API directly, with their time limit, retries and catches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from infra.permissions import run_role
from stratos.hosting.names import MODEL_ROLE

_CALL_SECONDS = 60
_PASSING: Mapping[str, list[str]] = {
    "sagemaker": ["SageMaker.ThrottlingException", "SageMaker.SdkClientException"],
    "applicationautoscaling": [
        "ApplicationAutoScaling.ConcurrentUpdateException",
        "ApplicationAutoScaling.InternalServiceException",
        "ApplicationAutoScaling.ThrottlingException",
        "ApplicationAutoScaling.SdkClientException",
    ],
    "cloudwatch": ["CloudWatch.ThrottlingException", "CloudWatch.SdkClientException"],
}
"""Errors by which a service asks to be called again later."""
REFUSED = "SageMaker.SageMakerException"
"""How the SDK integration names SageMaker's ValidationException, which has no name of its own."""
NOT_SCALED = "ApplicationAutoScaling.ObjectNotFoundException"


def sdk_call(
    scope: Construct,
    name: str,
    paths: Mapping[str, str],
    *,
    failed: sfn.IChainable | None,
    service: str = "sagemaker",
    operation: str | None = None,
    constants: Mapping[str, Any] | None = None,
    result_path: str = sfn.JsonPath.DISCARD,
    result_selector: Mapping[str, Any] | None = None,
    catches: Mapping[str, sfn.IChainable] | None = None,
) -> tasks.CallAwsService:
    """One call; `operation` is the state's own name if omitted.

    Args:
        paths: Parameter → JSONPath of its value.
        failed: What follows any error, which is in `$.failure`; None within a Map that catches.
        catches: Error → what follows it instead.
    """
    state = tasks.CallAwsService(
        scope,
        name,
        service=service,
        action=operation or name[0].lower() + name[1:],
        parameters={f"{field}.$": path for field, path in paths.items()} | dict(constants or {}),
        # The role is written out in infra/rights/workflow_rights.py; the CDK's is not used.
        iam_resources=["*"],
        result_path=result_path,
        result_selector=result_selector,
        task_timeout=sfn.Timeout.duration(Duration.seconds(_CALL_SECONDS)),
    )
    state.add_retry(
        errors=_PASSING[service],
        interval=Duration.seconds(2),
        max_attempts=5,
        backoff_rate=2,
        max_delay=Duration.seconds(30),
        jitter_strategy=sfn.JitterType.FULL,
    )
    for error, then in (catches or {}).items():
        state.add_catch(then, errors=[error], result_path=sfn.JsonPath.DISCARD)
    if failed is not None:
        state.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
    return state


def create_model(
    scope: Construct,
    name: str,
    deployment: str,
    *,
    network: Mapping[str, Any],
    failed: sfn.IChainable | None,
) -> tasks.CallAwsService:
    """The model of a deployment, which is served under the role of its run, at `$.run`.

    Args:
        network: Of models, as `infra.parts.network` has it.
        deployment: JSONPath of the `stratos.pipeline.steps.Deployment`.
    """
    paths = (deployment, f"{deployment}.tags")
    return _create_model(scope, name, *paths, network=network, failed=failed)


def create_more_models(
    scope: Construct,
    name: str,
    deployment: str,
    *,
    network: Mapping[str, Any],
    failed: sfn.IChainable,
) -> sfn.Map:
    """The models of instance pools that serve another one than their variant, one by one."""
    created = sfn.Map(
        scope,
        name,
        comment="What other instances serve, if the endpoint may get them",
        items_path=f"{deployment}.more_models",
        item_selector={
            "run": sfn.JsonPath.object_at("$.run"),
            "model": sfn.JsonPath.object_at("$$.Map.Item.Value"),
            "tags": sfn.JsonPath.object_at(f"{deployment}.tags"),
        },
        max_concurrency=1,
        result_path=sfn.JsonPath.DISCARD,
    ).item_processor(
        _create_model(
            scope,
            *(name.removesuffix("s"), "$.model", "$.tags"),
            network=network,
            failed=None,
        )
    )
    created.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
    return created


def _create_model(
    scope: Construct,
    name: str,
    model: str,
    tags: str,
    *,
    network: Mapping[str, Any],
    failed: sfn.IChainable | None,
) -> tasks.CallAwsService:
    """One model, of what has `model_name` and `container` at a JSONPath."""
    return sdk_call(
        scope,
        name,
        {
            "ModelName": f"{model}.model_name",
            "PrimaryContainer": f"{model}.container",
            "Tags": tags,
            "ExecutionRoleArn": run_role(MODEL_ROLE, "$.run"),
        },
        failed=failed,
        operation="createModel",
        constants=network,
    )


def put_alarms(scope: Construct, name: str, alarms_path: str, failed: sfn.IChainable) -> sfn.Map:
    """Put the alarms that watch an update, one after another."""
    fields = [
        *("AlarmName", "AlarmDescription", "Metrics", "EvaluationPeriods"),
        *("DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData"),
    ]
    put = sfn.Map(
        scope,
        name,
        comment="What the new model is watched by",
        items_path=alarms_path,
        item_selector={"alarm": sfn.JsonPath.object_at("$$.Map.Item.Value")},
        max_concurrency=1,
        result_path=sfn.JsonPath.DISCARD,
    ).item_processor(
        sdk_call(
            scope,
            name.removesuffix("s"),
            {field: f"$.alarm.{field}" for field in fields},
            failed=None,
            service="cloudwatch",
            operation="putMetricAlarm",
        )
    )
    put.add_catch(failed, errors=["States.ALL"], result_path="$.failure")
    return put
