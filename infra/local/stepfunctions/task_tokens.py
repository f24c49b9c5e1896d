"""Task tokens: one for each attempt at a task, good until that attempt is over.

moto's second attempt would take the answer to the first, and an answer that comes too late, or a
second one, would seem to count.
"""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import AWSError
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (  # noqa: E501
    ResourceCondition,
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackConsumerTimeout,
    CallbackPoolManager,
)

from infra.local.host.patching import Patches


class TaskTimedOut(AWSError):  # type: ignore[misc]
    """Step Functions' answer to whoever answers a task that is over, for whatever reason."""

    TYPE = "TaskTimedOut"
    STATUS = 400


def mend_task_tokens(patches: Patches) -> None:
    """Give each attempt a token of its own, and let no answer count after it."""

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

    def notify(pool: Any, callback_id: str, outcome: Any) -> Any:
        endpoint = pool.get(callback_id)
        if endpoint is not None and endpoint.consumer_error is not None:
            raise TaskTimedOut("Task Timed Out: 'Provided task does not exist anymore'")
        return original_notify(pool, callback_id, outcome)

    original_evaluate = patches.replace(StateTaskServiceCallback, "_eval_execution", evaluate)
    original_notify = patches.replace(CallbackPoolManager, "notify", notify)
