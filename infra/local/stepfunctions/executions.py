"""State machine executions that start once, stop at once, and tell EventBridge about it.

moto's engine (moto.stepfunctions.parser) interprets the definition in threads. What it lacks for
us: unique names for unnamed executions, an abort that takes effect while a task runs, a final
status when the interpreter itself fails, and the "Execution Status Change" event.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult, EmptyResult
from moto.events.models import events_backends
from moto.stepfunctions.exceptions import InvalidExecutionInput
from moto.stepfunctions.parser.api import ExecutionFailedEventDetails, ExecutionStatus
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import (
    ProgramEnded,
    ProgramError,
    ProgramRunning,
    ProgramStopped,
    ProgramTimedOut,
)
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.backend.execution import (
    BaseExecutionWorkerCommunication,
    Execution,
)
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import (
    StepFunctionsParserBackend,
    stepfunctions_parser_backends,
)
from moto.stepfunctions.responses import StepFunctionResponse

from infra.local.host.outbox import OUTBOX, Errand
from infra.local.host.patching import Patches
from infra.local.host.settings import ACCOUNT_ID, LocalSettings
from infra.local.iam.authority import AccessDeniedError
from infra.local.iam.sessions import region_of
from infra.local.stepfunctions.grammar import mend_grammar
from infra.local.stepfunctions.history import mend_histories
from infra.local.stepfunctions.machine_role import require_observation
from infra.local.stepfunctions.map_runs import mend_map_runs
from infra.local.stepfunctions.state_language import mend_state_language, time_text

MAX_INPUT_BYTES = 256 * 1024
"""Longest execution input Step Functions takes."""

STATUS = "status"
"""The errand of a status change to the event bus."""

log = logging.getLogger(__name__)


class MachineRefused(AWSError):  # type: ignore[misc]
    """The role of a new machine lacks what its log or its traces need."""

    TYPE = "AccessDeniedException"
    STATUS = 400


class StepFunctions:
    """The seam: the life of an execution from start to its status change event."""

    def __init__(self) -> None:
        self._patches = Patches()
        self._lock = threading.RLock()
        self._publisher = ThreadPoolExecutor(1, thread_name_prefix="execution-status")

    def install(self, settings: LocalSettings) -> None:
        OUTBOX.carries(STATUS, self._tell_soon)
        self._judge_creation()
        mend_state_language(self._patches, settings.endpoint_url)
        self._mend_start()
        self._mend_end()
        self._mend_stop()
        mend_histories(self._patches)
        mend_grammar(self._patches)
        mend_map_runs(self._patches)

    def close(self) -> None:
        """Abort what still runs, without events: there is nobody left to react to them."""
        self._publisher.shutdown(wait=True, cancel_futures=True)
        OUTBOX.leave(STATUS)
        for execution in running_executions():
            execution.exec_worker.env.set_stop(
                stop_date=datetime.now(UTC), error=None, cause="the embedded cloud stops"
            )
        self._patches.restore()

    def _judge_creation(self) -> None:
        """A machine whose role cannot write its log or its traces is refused, as on AWS."""

        def create(backend: Any, name: str, definition: str, **rest: Any) -> Any:
            logging_level = (rest.get("loggingConfiguration") or {}).get("level", "OFF")
            traced = bool((rest.get("tracingConfiguration") or {}).get("enabled"))
            arn = f"arn:aws:states:{backend.region_name}:{backend.account_id}:stateMachine:{name}"
            try:
                require_observation(
                    rest["roleArn"], arn, logged=logging_level != "OFF", traced=traced
                )
            except AccessDeniedError as error:
                raise MachineRefused(str(error)) from error
            return original(backend, name, definition, **rest)

        original = self._patches.replace(StepFunctionsParserBackend, "create_state_machine", create)

    def _mend_start(self) -> None:
        def start_execution(
            backend: Any,
            state_machine_arn: str,
            name: str | None = None,
            execution_input: str | None = None,
            trace_header: str | None = None,
        ) -> Any:
            if name:
                backend._validate_name(name)
            if execution_input and len(execution_input.encode()) > MAX_INPUT_BYTES:
                raise InvalidExecutionInput(
                    f"the input has {len(execution_input.encode())} bytes; at most "
                    f"{MAX_INPUT_BYTES} are allowed"
                )
            with self._lock:
                return original_start(
                    backend,
                    state_machine_arn,
                    name or str(uuid.uuid4()),
                    # As text, because a second start is held to it.
                    execution_input or "{}",
                    trace_header,
                )

        def start_worker(worker: Any) -> None:
            # A stop may come before the thread has run at all, so it needs a running environment.
            worker.env = original_environment(worker)
            worker.env._program_state = ProgramRunning()
            context = worker.env.states.context_object.context_object_data["Execution"]
            context["StartTime"] = time_text(context["StartTime"])
            original_start_worker(worker)

        def environment(worker: Any) -> Any:
            return worker.env or original_environment(worker)

        def execution_logic(worker: Any) -> None:
            try:
                original_logic(worker)
            except Exception as error:
                log.exception("the interpreter failed")
                cause = f"{type(error).__name__}: {error}"
                worker.env.set_error(
                    ExecutionFailedEventDetails(error="States.Runtime", cause=cause)
                )
                worker._execution_communication.terminated()

        def start(execution: Any) -> None:
            original_start_of_one(execution)
            self._publish(execution, ExecutionStatus.RUNNING)

        replace = self._patches.replace
        original_start = replace(StepFunctionsParserBackend, "start_execution", start_execution)
        original_start_of_one = replace(Execution, "start", start)
        original_start_worker = replace(ExecutionWorker, "start", start_worker)
        original_environment = replace(ExecutionWorker, "_get_evaluation_environment", environment)
        original_logic = replace(ExecutionWorker, "_execution_logic", execution_logic)

    def _mend_end(self) -> None:
        def terminated(communication: Any) -> None:
            execution = communication.execution
            with self._lock:
                if execution.exec_status != ExecutionStatus.RUNNING:
                    return  # It was stopped; what its last task came to no longer counts.
                _set_outcome(execution)
            self._publish(execution, execution.exec_status)

        def only_unless_stopped(original: Any) -> Any:
            def set_state(env: Any, *args: Any, **kwargs: Any) -> None:
                with env._state_mutex:
                    if not isinstance(env._program_state, ProgramStopped):
                        original(env, *args, **kwargs)

            return set_state

        self._patches.replace(BaseExecutionWorkerCommunication, "terminated", terminated)
        for name in ("set_error", "set_timed_out"):
            original = getattr(Environment, name)
            self._patches.replace(Environment, name, only_unless_stopped(original))

    def _mend_stop(self) -> None:
        def stop(execution: Any, stop_date: datetime, error: Any = None, cause: Any = None) -> None:
            with self._lock:
                if execution.exec_status != ExecutionStatus.RUNNING:
                    return
                execution.stop_date = datetime.now(UTC)
                execution.error, execution.cause = error or None, cause or None
                execution.exec_status = ExecutionStatus.ABORTED
            env = execution.exec_worker.env
            env.set_stop(stop_date=execution.stop_date, error=error, cause=cause)
            for endpoint in list(env.callback_pool_manager._pool.values()):
                endpoint.interrupt_all()
            self._publish(execution, ExecutionStatus.ABORTED)

        def stop_execution(response: Any) -> ActionResult:
            arn = response._get_param("executionArn")
            execution = response.stepfunction_backend.describe_execution(arn)
            execution.stop(
                stop_date=datetime.now(UTC),
                error=response._get_param("error"),
                cause=response._get_param("cause"),
            )
            return ActionResult({"stopDate": execution.stop_date})

        def send_task_failure(response: Any) -> ActionResult:
            response.stepfunction_backend.send_task_failure(
                response._get_param("taskToken"),
                error=response._get_param("error"),
                cause=response._get_param("cause"),
            )
            return EmptyResult()

        self._patches.replace(Execution, "stop", stop)
        self._patches.replace(StepFunctionResponse, "stop_execution", stop_execution)
        self._patches.replace(StepFunctionResponse, "send_task_failure", send_task_failure)

    def _publish(self, execution: Any, status: ExecutionStatus) -> None:
        OUTBOX.put(STATUS, status_change_event(execution, status))

    def _tell_soon(self, errand: Errand) -> None:
        try:
            self._publisher.submit(_put_event, errand)
        except RuntimeError:
            log.info("%s changed while closing", errand.content["Resources"][0])


def running_executions() -> list[Any]:
    """Executions of every state machine that have not ended."""
    backends = list(stepfunctions_parser_backends[ACCOUNT_ID].values())
    return [
        execution
        for backend in backends
        for machine in list(backend.state_machines)
        for execution in list(machine.executions)
        if execution.exec_status == ExecutionStatus.RUNNING
    ]


def has_begun(execution: Any) -> bool:
    """Whether an execution has left a state: before that, it may begin again as if for the first
    time, as a task may be tried again."""
    worker = execution.exec_worker
    if worker is None or worker.env is None:
        return False
    # Not a copy, as moto would give: histories are long, and this is asked at every save.
    events = worker.env.event_manager._history_event_list
    return any(str(event["type"]).endswith("StateExited") for event in events)


def status_change_event(execution: Any, status: ExecutionStatus) -> dict[str, Any]:
    """The entry Step Functions puts on the default bus, with times in ms since the epoch."""
    has_output = status == ExecutionStatus.SUCCEEDED
    detail = {
        "executionArn": execution.exec_arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": status.value,
        "startDate": _milliseconds(execution.start_date),
        "stopDate": _milliseconds(execution.stop_date),
        "input": execution.execution_input,
        "inputDetails": {"included": True},
        "output": execution.output if has_output else None,
        "outputDetails": {"included": True} if has_output else None,
        "error": execution.error,
        "cause": execution.cause,
    }
    return {
        "Source": "aws.states",
        "DetailType": "Step Functions Execution Status Change",
        "Resources": [execution.exec_arn],
        "Detail": json.dumps(detail),
    }


def aborted_event(execution: Any, cause: str) -> dict[str, Any]:
    """The event of a running execution that this process takes with it when it ends."""
    event = status_change_event(execution, ExecutionStatus.ABORTED)
    end = {"stopDate": _milliseconds(datetime.now(UTC)), "cause": cause}
    return event | {"Detail": json.dumps(json.loads(event["Detail"]) | end)}


def _put_event(errand: Errand) -> None:
    event = errand.content
    try:
        events_backends[ACCOUNT_ID][region_of(event["Resources"][0])].put_events([event])
    except Exception:
        log.exception("an execution status change did not reach its targets")
    OUTBOX.strike(errand)


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)


def _set_outcome(execution: Any) -> None:
    """Set what the execution came to; the status last, so that who sees it sees the rest too."""
    env = execution.exec_worker.env
    state = env.program_state()
    execution.stop_date = datetime.now(UTC)
    if isinstance(state, ProgramEnded):
        # As text: moto would give back an output that is itself a string without its quotes.
        execution.output = to_json_str(env.states.get_input(), separators=(",", ":"))
        execution.exec_status = ExecutionStatus.SUCCEEDED
    elif isinstance(state, ProgramTimedOut):
        execution.error = "States.Timeout"
        execution.exec_status = ExecutionStatus.TIMED_OUT
    elif isinstance(state, ProgramStopped):
        execution.exec_status = ExecutionStatus.ABORTED
    else:
        assert isinstance(state, ProgramError), state
        execution.error = state.error.get("error")
        execution.cause = state.error.get("cause")
        execution.exec_status = ExecutionStatus.FAILED


__all__ = [
    "STATUS",
    "StepFunctions",
    "aborted_event",
    "has_begun",
    "running_executions",
    "status_change_event",
]
