"""Distributed Maps: who may run one, and what becomes of one whose execution is stopped."""

from __future__ import annotations

from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType, MapRunFailedEventDetails, MapRunStatus
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (  # noqa: E501
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from infra.local.host.patching import Patches
from infra.local.iam.authority import AUTHORITY, AccessDeniedError
from infra.local.iam.requirement import Requirement
from infra.local.iam.sessions import region_of
from infra.local.stepfunctions.machine_role import machine_session


def mend_map_runs(patches: Patches) -> None:
    """Judge the start of a Map Run, and its end by whether its execution still runs."""

    def evaluate(component: Any, env: Any) -> None:
        record = env.stack[-1].map_run_record
        try:
            _require_rights(env, record)
        except AccessDeniedError as error:
            record.set_stop(status=MapRunStatus.FAILED)
            raise FailureEventException(_refused(env, str(error))) from error
        try:
            original(component, env)
        finally:
            if not env.is_running():  # moto would say that it succeeded
                record.set_stop(status=MapRunStatus.ABORTED)

    original = patches.replace(DistributedIterationComponent, "_eval_body", evaluate)


def _require_rights(env: Any, record: Any) -> None:
    """Each item is an execution, which the machine starts, looks at and stops as its own role.

    https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html

    Raises:
        AccessDeniedError: The role may not.
    """
    context = env.states.context_object.context_object_data
    machine = context["StateMachine"]["Id"]
    session = machine_session(env.aws_execution_details.role_arn, region_of(machine), machine)
    child = record.map_state_machine_arn.replace(":stateMachine:", ":execution:") + ":item"
    AUTHORITY.require(
        session,
        Requirement("states:StartExecution", machine),
        Requirement("states:DescribeExecution", child),
        Requirement("states:StopExecution", child),
    )


def _refused(env: Any, cause: str) -> FailureEvent:
    name = "States.Runtime"
    return FailureEvent(
        env=env,
        error_name=CustomErrorName(name),
        event_type=HistoryEventType.MapRunFailed,
        event_details=EventDetails(
            mapRunFailedEventDetails=MapRunFailedEventDetails(error=name, cause=cause)
        ),
    )
