"""Where moto's reading of the Amazon States Language gives a wrong value, the right one.

Paths: a path that can match one place only gives that value, any other gives a list, as on AWS;
moto goes by how many places matched. Service integrations: parameter and result names follow the
service's model, and errors are named as Step Functions names them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from botocore.config import Config
from jsonpath_ng.ext.parser import parse
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import (
    ErrorEqualsDecl,
)
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import (
    Resource,
    ResourceRuntimePart,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (  # noqa: E501
    StateTaskService,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_dynamodb import (  # noqa: E501
    StateTaskServiceDynamoDB,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (  # noqa: E501
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import (
    StateTaskLambda,
)
from moto.stepfunctions.parser.asl.utils import boto_client, json_path
from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError

from infra.local.host.clients import MACHINERY, Cloud
from infra.local.host.patching import Patches
from infra.local.stepfunctions.choices import mend_choices
from infra.local.stepfunctions.json_paths import is_definite
from infra.local.stepfunctions.machine_role import machine_session
from infra.local.stepfunctions.task_tokens import mend_task_tokens

BOTO_NAMES = {
    "applicationautoscaling": "application-autoscaling",
    "sfn": "stepfunctions",
    "states": "stepfunctions",
    "eventbridge": "events",
    "cloudwatchlogs": "logs",
    "sagemakerruntime": "sagemaker-runtime",
    "bedrockruntime": "bedrock-runtime",
}
"""Services whose name in a task's resource is not boto3's."""

ERROR_NAMES = {
    "applicationautoscaling": "ApplicationAutoScaling",
    "bedrock": "Bedrock",
    "bedrockruntime": "BedrockRuntime",
    "cloudwatch": "CloudWatch",
    "cloudwatchlogs": "CloudWatchLogs",
    "dynamodb": "DynamoDb",
    "eventbridge": "EventBridge",
    "lambda": "Lambda",
    "s3": "S3",
    "sagemaker": "SageMaker",
    "sagemakerruntime": "SageMakerRuntime",
    "scheduler": "Scheduler",
    "secretsmanager": "SecretsManager",
    "sfn": "Sfn",
    "sns": "Sns",
    "sqs": "Sqs",
    "ssm": "Ssm",
}
"""Services as AWS SDK integrations spell them in error names, e.g. `SageMaker.SageMakerException`.
"""

TERMINAL_ERRORS = ("States.Runtime", "States.DataLimitExceeded")
"""Errors that neither States.ALL nor States.TaskFailed matches."""

_ENGINE = "moto.stepfunctions"
_TASK_CONFIG = Config(
    parameter_validation=False,
    retries={"total_max_attempts": 1},
    max_pool_connections=64,
    read_timeout=24 * 3600,
)


def mend_state_language(patches: Patches, endpoint_url: str) -> None:
    """Install the replacements; `patches.restore()` takes them back."""
    patches.replace_everywhere(_ENGINE, json_path.extract_json, extract_json)
    _mend_integrations(patches, Cloud(endpoint_url, _TASK_CONFIG, caller=MACHINERY))
    mend_choices(patches)
    _mend_error_names(patches)
    mend_task_tokens(patches)


def _mend_integrations(patches: Patches, cloud: Cloud) -> None:
    def client_for(region: str, service: str, state_credentials: Any) -> Any:
        role: str = state_credentials.role_arn
        return cloud.in_region(region).client(service, machine_session(role, region).credentials())

    def normalise_parameters(
        task: Any,
        parameters: dict[str, Any],
        boto_service_name: str | None = None,
        service_action_name: str | None = None,
    ) -> None:
        shape = _operation(task, boto_service_name, service_action_name).input_shape
        if shape is not None:
            task._to_boto_request(parameters, shape)

    def normalise_response(
        task: Any,
        response: Any,
        boto_service_name: str | None = None,
        service_action_name: str | None = None,
    ) -> None:
        shape = _operation(task, boto_service_name, service_action_name).output_shape
        if shape is not None:
            task._from_boto_response(response, shape)
        _write_times_as_text(response)

    def _operation(task: Any, service: str | None, action: str | None) -> Any:
        # Only its model of the service is asked for.
        client = cloud.client(task._get_boto_service_name(service))
        method = task._get_boto_service_action(action)
        return client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method])

    def runtime_part(resource: Any, env: Any) -> ResourceRuntimePart:
        # A function of another region is not looked for there, whatever its ARN says.
        place = env.aws_execution_details
        return ResourceRuntimePart(account=resource._account or place.account, region=place.region)

    patches.replace(Resource, "_eval_runtime_part", runtime_part)
    patches.replace_everywhere(_ENGINE, boto_client.boto_client_for, client_for)
    patches.replace(StateTaskService, "_SERVICE_NAME_SFN_TO_BOTO_OVERRIDES", BOTO_NAMES)
    patches.replace(state_task_service_aws_sdk, "_SERVICE_ERROR_NAMES", ERROR_NAMES)
    patches.replace(StateTaskService, "_normalise_parameters", normalise_parameters)
    patches.replace(StateTaskService, "_normalise_response", normalise_response)


def _mend_error_names(patches: Patches) -> None:
    """Errors that pass through, errors that nothing catches, and Lambda's refusal.

    moto refuses a reserved name where a state hands an error on: a Map whose item fails with
    `States.Runtime` then fails with a complaint about that name. And it lets `States.ALL` catch
    the terminal errors, which on AWS end the execution whatever it would catch.
    """

    def initialize(name: Any, error_name: str | None) -> None:
        ErrorName.__init__(name, error_name=error_name)

    def matches(declared: Any, env: Any) -> None:
        error = env.stack[-1].error_name
        named = any(name.error_name == error for name in declared.error_names)
        if error in TERMINAL_ERRORS and not named:
            env.stack[-1] = False
        else:
            original_matches(declared, env)

    def runtime_error_of(original: Any) -> Any:
        def from_error(task: Any, env: Any, ex: Exception) -> Any:
            if isinstance(ex, NoSuchJsonPathError):
                return ExecutionState._from_error(task, env, ex)
            return original(task, env, ex)

        return from_error

    patches.replace(CustomErrorName, "__init__", initialize)

    def lambda_error(error: Any) -> tuple[str, str]:
        name, cause = original_lambda_error(error)
        denied = name == "Lambda.AccessDeniedException"
        return "Lambda.AWSLambdaException" if denied else name, cause

    original_lambda_error = StateTaskServiceLambda._error_cause_from_client_error
    patches.replace(
        StateTaskServiceLambda, "_error_cause_from_client_error", staticmethod(lambda_error)
    )
    original_matches = patches.replace(ErrorEqualsDecl, "_eval_body", matches)
    for task_class in (StateTaskLambda, StateTaskServiceDynamoDB):
        patches.replace(task_class, "_from_error", runtime_error_of(task_class._from_error))


def extract_json(path: str, data: Any) -> Any:
    """The value at `path`, or the list of them where the path may match several.

    Raises:
        NoSuchJsonPathError: A path to one place, and there is nothing there.
    """
    values = [match.value for match in _parsed(path).find(data)]
    if not is_definite(path):
        return values
    if not values:
        raise NoSuchJsonPathError(json_path=path, data=data)
    return values[0]


@lru_cache(maxsize=1024)
def _parsed(path: str) -> Any:
    return parse(path)


def time_text(moment: datetime) -> str:
    """A UTC time as a state machine sees it, e.g. `2026-01-31T12:00:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _write_times_as_text(value: Any) -> None:
    """Replace datetimes in a result, in place, with the text a state machine would see."""
    if not isinstance(value, dict | list):
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, datetime):
            value[key] = time_text(item)
        else:
            _write_times_as_text(item)


__all__ = ["extract_json", "mend_state_language", "time_text"]
