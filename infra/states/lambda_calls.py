"""The Lambda states: how each is called, retried and bounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from infra.parts.functions import Functions

_MARGIN_SECONDS = 60
"""Beyond the function's own timeout: a cold start, and the retries of the invocation itself."""

_CLEAN_UP_ATTEMPTS = 40
"""Each waits for 13 minutes: beyond the 8 hours that SageMaker may take over an update."""

_SERVICE_ERRORS = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
]
_LOST = ["Lambda.Unknown", "Runtime.ExitError", "Sandbox.Timedout"]
"""The function died or ran out of time; every handler may be called again with its input."""


@dataclass(frozen=True)
class LambdaCalls:
    """Makes states that call a handler of `lambdas/`."""

    scope: Construct
    functions: Functions

    def invoke(
        self,
        name: str,
        module: str,
        payload: Mapping[str, str],
        result_path: str,
        result_selector: Mapping[str, str] | None = None,
    ) -> tasks.LambdaInvoke:
        """A state named `name`.

        Args:
            payload: Field of the handler's input → JSONPath, or a constant.
            result_path: Where its output goes; the rest of the execution's data stays.
        """
        timeout = self.functions.handlers[module].timeout_seconds
        state = tasks.LambdaInvoke(
            self.scope,
            name,
            lambda_function=self.functions[module],
            payload=sfn.TaskInput.from_object(
                {
                    field: sfn.JsonPath.object_at(path) if path.startswith("$") else path
                    for field, path in payload.items()
                }
            ),
            payload_response_only=True,
            result_path=result_path,
            result_selector=result_selector,
            retry_on_service_exceptions=False,
            task_timeout=sfn.Timeout.duration(Duration.seconds(timeout + _MARGIN_SECONDS)),
        )
        return _retried(state)

    def clean_up(
        self, name: str, payload: Mapping[str, str], result_path: str
    ) -> tasks.LambdaInvoke:
        """A state that takes back what a run made, repeated for as long as SageMaker needs."""
        state = self.invoke(name, "clean_up", payload, result_path)
        state.add_retry(
            errors=["EndpointUnsettled"],
            interval=Duration.seconds(5),
            max_attempts=_CLEAN_UP_ATTEMPTS,
            backoff_rate=1,
        )
        return state

    def ask(
        self,
        name: str,
        module: str,
        payload: Mapping[str, str],
        result_path: str,
        timeout: sfn.Timeout,
        heartbeat: sfn.Timeout | None = None,
        result_selector: Mapping[str, Any] | None = None,
    ) -> tasks.LambdaInvoke:
        """A state that calls a handler and then waits for whoever answers to its `task_token`.

        Args:
            payload: As for `invoke`, without the token.
            timeout: The longest wait.
            heartbeat: The longest silence, where whoever answers tells meanwhile that it is there.
        """
        fields = {field: sfn.JsonPath.object_at(path) for field, path in payload.items()}
        return _retried(
            tasks.LambdaInvoke(
                self.scope,
                name,
                lambda_function=self.functions[module],
                integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
                payload=sfn.TaskInput.from_object(
                    {**fields, "task_token": sfn.JsonPath.task_token}
                ),
                result_path=result_path,
                result_selector=result_selector,
                retry_on_service_exceptions=False,
                task_timeout=timeout,
                heartbeat_timeout=heartbeat,
            )
        )


def _retried(state: tasks.LambdaInvoke) -> tasks.LambdaInvoke:
    """Try again what the service lost; what the handler refuses is final."""
    state.add_retry(
        errors=_SERVICE_ERRORS,
        interval=Duration.seconds(2),
        max_attempts=6,
        backoff_rate=2,
        max_delay=Duration.seconds(60),
        jitter_strategy=sfn.JitterType.FULL,
    )
    state.add_retry(errors=_LOST, interval=Duration.seconds(1), max_attempts=1)
    return state
