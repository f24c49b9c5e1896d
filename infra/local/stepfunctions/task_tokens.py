"""Task tokens: one for each attempt at a task, good for one answer until that attempt is over.

moto's second attempt would take the answer to the first, and an answer that comes too late, or a
second one, would seem to count. It refuses a heartbeat that comes before the task waits, misses an
answer that does, and calls a missing heartbeat a timeout.
"""

from __future__ import annotations

import threading
from typing import Any

from moto.core.exceptions import AWSError
from moto.stepfunctions.exceptions import InvalidToken
from moto.stepfunctions.parser.api import HistoryEventType, TaskTimedOutEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (  # noqa: E501
    ResourceCondition,
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackConsumerTimeout,
    CallbackOutcome,
    CallbackOutcomeFailure,
    CallbackOutcomeSuccess,
    HeartbeatTimedOut,
    HeartbeatTimeoutError,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from infra.local.host.patching import Patches


class TaskTimedOut(AWSError):  # type: ignore[misc]
    """Step Functions' answer to whoever answers a task that is over, for whatever reason."""

    TYPE = "TaskTimedOut"
    STATUS = 400


def mend_task_tokens(patches: Patches) -> None:
    """Give each attempt a token of its own, and let one answer count, and none after it."""
    _mend_tokens(patches)
    _mend_answers(patches)
    _mend_heartbeats(patches)


def _mend_tokens(patches: Patches) -> None:
    def evaluate(task: Any, env: Any) -> None:
        supported = task._supported_integration_patterns
        if not (task._is_integration_pattern() and ResourceCondition.WaitForTaskToken in supported):
            original_evaluate(task, env)
            return
        endpoint = env.callback_pool_manager.add(env.states.context_object.update_task_token())
        try:
            original_evaluate(task, env)
        finally:
            endpoint.report(CallbackConsumerTimeout())

    original_evaluate = patches.replace(StateTaskServiceCallback, "_eval_execution", evaluate)


def _mend_answers(patches: Patches) -> None:
    lock = threading.Lock()

    def answer(backend: Any, token: str, outcome: CallbackOutcome) -> None:
        with lock:
            endpoint = _open_task(backend, token)
            endpoint.report(CallbackConsumerTimeout())
        endpoint.notify(outcome)

    def success(backend: Any, task_token: str, outcome: str) -> None:
        answer(backend, task_token, CallbackOutcomeSuccess(task_token, outcome))

    def failure(
        backend: Any, task_token: str, error: str | None = None, cause: str | None = None
    ) -> None:
        answer(backend, task_token, CallbackOutcomeFailure(task_token, error, cause))

    def heartbeat(backend: Any, task_token: str) -> None:
        # A task without HeartbeatSeconds, or that does not wait yet, takes it and does nothing.
        _open_task(backend, task_token).notify_heartbeat()

    patches.replace(StepFunctionsParserBackend, "send_task_success", success)
    patches.replace(StepFunctionsParserBackend, "send_task_failure", failure)
    patches.replace(StepFunctionsParserBackend, "send_task_heartbeat", heartbeat)


def _open_task(backend: Any, token: str) -> Any:
    """Where the task of a token waits for its answer.

    Raises:
        InvalidToken: No task of this region had the token.
        TaskTimedOut: The task is over, or its execution is.
    """
    for execution in backend._get_executions():
        endpoint = execution.exec_worker.env.callback_pool_manager.get(token)
        if endpoint is None:
            continue
        if endpoint.consumer_error is not None or execution.exec_status != "RUNNING":
            raise TaskTimedOut("Task Timed Out: 'Provided task does not exist anymore'")
        return endpoint
    raise InvalidToken


def _mend_heartbeats(patches: Patches) -> None:
    def wait(task: Any, env: Any, callback_endpoint: Any, heartbeat_endpoint: Any) -> Any:
        """The answer, which may have been there before; None where the execution ends."""
        while env.is_running():
            if (outcome := callback_endpoint.get_outcome()) is not None:
                return outcome
            if not heartbeat_endpoint.clear_and_wait() and env.is_running():
                return callback_endpoint.get_outcome() or HeartbeatTimedOut()
        return None

    def from_error(task: Any, env: Any, ex: Exception) -> Any:
        if not isinstance(ex, HeartbeatTimeoutError):
            return original_from_error(task, env, ex)
        name = StatesErrorNameType.StatesHeartbeatTimeout
        return FailureEvent(
            env=env,
            error_name=StatesErrorName(typ=name),
            event_type=HistoryEventType.TaskTimedOut,
            event_details=EventDetails(
                taskTimedOutEventDetails=TaskTimedOutEventDetails(
                    resourceType=task._get_sfn_resource_type(),
                    resource=task._get_sfn_resource(),
                    error=name.to_name(),
                )
            ),
        )

    patches.replace(StateTaskServiceCallback, "_wait_for_task_token_heartbeat", wait)
    original_from_error = patches.replace(StateTaskServiceCallback, "_from_error", from_error)
