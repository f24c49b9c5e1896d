"""Step Functions' own SageMaker integration: `sagemaker:createTrainingJob.sync` and its kin."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.exceptions import ClientError
from botocore.session import get_session
from moto.stepfunctions.parser.api import (
    HistoryEventExecutionDataDetails,
    HistoryEventType,
    TaskFailedEventDetails,
    TaskSubmittedEventDetails,
)
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_factory
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import (
    ResourceCondition,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (  # noqa: E501
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from infra.local.host.patching import Patches
from infra.local.host.settings import LocalSettings
from infra.local.iam.authority import AccessDeniedError
from infra.local.sagemaker.job_status import OVER
from infra.local.sagemaker.state_events import epoch_milliseconds
from infra.local.stepfunctions.machine_role import require_managed_rule
from stratos.waiting import every, wait_until

_POLL_SECONDS = 0.25
_OPERATIONS = {
    "createendpoint": "CreateEndpoint",
    "createendpointconfig": "CreateEndpointConfig",
    "createmodel": "CreateModel",
    "createtrainingjob": "CreateTrainingJob",
    "createtransformjob": "CreateTransformJob",
    "updateendpoint": "UpdateEndpoint",
}
"""Of the operations AWS's integration has, those this cloud really carries out."""
_JOB_KINDS = {"createtrainingjob": "Training", "createtransformjob": "Transform"}
"""The operations with a `.sync`: what their jobs are called in the API."""
_SDK_SERVICE_NAMES = {"sagemaker": "SageMaker", "s3": "S3"}
"""How error names of `aws-sdk` tasks spell a service; moto knows only two of them."""


class SyncIntegrations:
    """Gives state machines the SageMaker integration, whose `.sync` waits for the job's end."""

    def __init__(self) -> None:
        self._patches = Patches()

    def install(self, settings: LocalSettings) -> None:
        original = state_task_factory.state_task_service_for

        def state_task_service_for(service_name: str) -> Any:
            if service_name == "sagemaker":
                return SageMakerTask()
            return original(service_name=service_name)

        self._patches.replace(state_task_factory, "state_task_service_for", state_task_service_for)
        names = state_task_service_aws_sdk._SERVICE_ERROR_NAMES
        self._patches.replace(
            state_task_service_aws_sdk, "_SERVICE_ERROR_NAMES", names | _SDK_SERVICE_NAMES
        )

    def close(self) -> None:
        self._patches.restore()


class SageMakerTask(StateTaskServiceCallback):  # type: ignore[misc]
    """A task state whose resource is `arn:aws:states:::sagemaker:<operation>[.sync]`.

    moto's own waiting is not used: it hands each retry the callback that the attempt before it
    already used up, so that the second attempt of any `.sync` state times out at once.
    """

    def __init__(self) -> None:
        super().__init__(supported_integration_patterns={ResourceCondition.Sync})

    def _validate_service_integration_is_supported(self) -> None:
        super()._validate_service_integration_is_supported()
        allowed = (None, ResourceCondition.Sync) if self._job_kind() else (None,)
        if self.resource.condition not in allowed:
            raise ValueError(
                f"The resource provided {self.resource.resource_arn} is not recognized: "
                f"{self.resource.api_action} has no '.{self.resource.condition}' here. Describe "
                "the resource in a loop of Wait and Choice states instead."
            )

    def _get_supported_parameters(self) -> set[str] | None:
        operation = _OPERATIONS.get(self.resource.api_action.lower())
        return _parameters_of(operation) if operation else None

    def _eval_parameters(self, env: Any) -> dict[str, Any]:
        supported = self._get_supported_parameters() or set()
        self.parargs.eval(env=env)
        parameters: dict[str, Any] = env.stack.pop()
        # moto drops what it does not know; Step Functions refuses it.
        if unknown := sorted(set(parameters) - supported):
            raise FailureEventException(
                self._failure(
                    env,
                    StatesErrorName(typ=StatesErrorNameType.StatesRuntime),
                    f"The fields {unknown} are not supported by Step Functions for "
                    f"{self.resource.resource_arn}; it takes {sorted(supported)}.",
                )
            )
        return parameters

    def _normalise_parameters(
        self,
        parameters: dict[str, Any],
        boto_service_name: str | None = None,
        service_action_name: str | None = None,
    ) -> None:
        service = _service_model()
        operation = service.operation_model(_OPERATIONS[self.resource.api_action.lower()])
        self._to_boto_request(parameters, operation.input_shape)

    def _eval_service_task(
        self,
        env: Any,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,
    ) -> None:
        if self._is_integration_pattern():
            rule = f"StepFunctionsGetEventsForSageMaker{self._job_kind()}JobsRule"
            require_managed_rule(state_credentials.role_arn, resource_runtime_part.region, rule)
        client = self._client(resource_runtime_part, state_credentials)
        response = getattr(client, self._get_boto_service_action())(**normalised_parameters)
        response.pop("ResponseMetadata", None)
        env.stack.append(epoch_milliseconds(response))

    def _after_eval_execution(
        self,
        env: Any,
        resource_runtime_part: Any,
        normalised_parameters: dict[str, Any],
        state_credentials: Any,
    ) -> None:
        if self._is_integration_pattern():
            self._record_submission(env)
            self._await_job(env, self._client(resource_runtime_part, state_credentials))
            if not env.is_running():
                return  # no success to tell of
        super(StateTaskServiceCallback, self)._after_eval_execution(
            env=env,
            resource_runtime_part=resource_runtime_part,
            normalised_parameters=normalised_parameters,
            state_credentials=state_credentials,
        )

    def _record_submission(self, env: Any) -> None:
        env.event_manager.add_event(
            context=env.event_history_context,
            event_type=HistoryEventType.TaskSubmitted,
            event_details=EventDetails(
                taskSubmittedEventDetails=TaskSubmittedEventDetails(
                    resource=self._get_sfn_resource(),
                    resourceType=self._get_sfn_resource_type(),
                    output=to_json_str(env.stack[-1]),
                    outputDetails=HistoryEventExecutionDataDetails(truncated=False),
                )
            ),
        )

    def _await_job(self, env: Any, client: Any) -> None:
        """Wait for the job; stop it where the execution is stopped or the state times out."""
        kind = self._job_kind()
        assert kind is not None
        name, status = env.stack.pop()[f"{kind}JobArn"].rpartition("/")[2], f"{kind}JobStatus"
        described = wait_until(
            lambda: _describe(client, kind, name),
            lambda job: job[status] in OVER or not env.is_running(),
            pauses=every(_POLL_SECONDS),
        )
        if described[status] not in OVER:
            _stop(client, kind, name)
        if described[status] in {"Failed", "Stopped"} and env.is_running():
            error = StatesErrorName(typ=StatesErrorNameType.StatesTaskFailed)
            raise FailureEventException(self._failure(env, error, to_json_str(described)))
        env.stack.append(described)

    def _from_error(self, env: Any, ex: Exception) -> Any:
        if isinstance(ex, ClientError):
            return self._failure(env, CustomErrorName(_error_name(ex)), _cause(ex))
        if isinstance(ex, AccessDeniedError):
            general = CustomErrorName("SageMaker.AmazonSageMakerException")
            return self._failure(env, general, str(ex))
        return super()._from_error(env=env, ex=ex)

    def _failure(self, env: Any, error: Any, cause: str) -> Any:
        return FailureEvent(
            env=env,
            error_name=error,
            event_type=HistoryEventType.TaskFailed,
            event_details=EventDetails(
                taskFailedEventDetails=TaskFailedEventDetails(
                    error=error.error_name,
                    cause=cause,
                    resource=self._get_sfn_resource(),
                    resourceType=self._get_sfn_resource_type(),
                )
            ),
        )

    def _job_kind(self) -> str | None:
        return _JOB_KINDS.get(self.resource.api_action.lower())

    @staticmethod
    def _client(resource_runtime_part: Any, state_credentials: Any) -> Any:
        # Looked up when it is called: `state_language` puts one in its place that acts as the role.
        return boto_client.boto_client_for(
            service="sagemaker",
            region=resource_runtime_part.region,
            state_credentials=state_credentials,
        )


def _describe(client: Any, kind: str, name: str) -> dict[str, Any]:
    describe = getattr(client, f"describe_{kind.lower()}_job")
    described = describe(**{f"{kind}JobName": name})
    described.pop("ResponseMetadata", None)
    result: dict[str, Any] = epoch_milliseconds(described)
    return result


def _stop(client: Any, kind: str, name: str) -> None:
    try:
        getattr(client, f"stop_{kind.lower()}_job")(**{f"{kind}JobName": name})
    except ClientError:
        return  # it ended in the meantime


def _error_name(error: ClientError) -> str:
    """`SageMaker.<Error>Exception` for a modelled error, else the service's general one."""
    code = error.response["Error"]["Code"]
    modelled = {shape.name for shape in _service_model().error_shapes}
    if code in modelled:
        return f"SageMaker.{code.removesuffix('Exception')}Exception"
    return "SageMaker.AmazonSageMakerException"


def _cause(error: ClientError) -> str:
    metadata = error.response["ResponseMetadata"]
    return (
        f"{error.response['Error']['Message']} (Service: AmazonSageMaker; "
        f"Status Code: {metadata['HTTPStatusCode']}; "
        f"Error Code: {error.response['Error']['Code']}; "
        f"Request ID: {metadata.get('RequestId', 'null')}; Proxy: null)"
    )


@cache
def _service_model() -> Any:
    return get_session().get_service_model("sagemaker")


@cache
def _parameters_of(operation: str) -> set[str]:
    return set(_service_model().operation_model(operation).input_shape.members)
