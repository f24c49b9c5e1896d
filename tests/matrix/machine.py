"""A state machine's very definition, run by the embedded cloud's interpreter in this process.

Its seams are the clients of AWS, the clock, and the moment at which a fault strikes a state.
"""

from __future__ import annotations

import json
import marshal
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from moto.stepfunctions.parser.api import HistoryEventType, StateMachineType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval import environment as environment_module
from moto.stepfunctions.parser.asl.eval import states as states_module
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackOutcomeSuccess
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.evaluation_details import AWSExecutionDetails
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import (
    EventHistoryContext,
    EventManager,
)
from moto.stepfunctions.parser.asl.eval.program_state import (
    ProgramEnded,
    ProgramError,
    ProgramStopped,
)
from moto.stepfunctions.parser.asl.eval.states import (
    ContextObjectData,
    ExecutionData,
    StateMachineData,
)
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import boto_client

from infra.local.host.patching import Patches
from infra.local.host.settings import ACCOUNT_ID
from infra.local.stepfunctions import map_runs, sagemaker_sync
from infra.local.stepfunctions.grammar import mend_grammar
from infra.local.stepfunctions.map_runs import mend_map_runs
from infra.local.stepfunctions.sagemaker_sync import SyncIntegrations
from infra.local.stepfunctions.state_language import mend_state_language
from infra.states.definition_reader import State, next_states, states_of
from tests.matrix.account import Account
from tests.matrix.faults import JOB, Strike, kind_of

_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/machine"
_EXECUTION = f"arn:aws:states:us-east-1:{ACCOUNT_ID}:execution:stratos:one"


@dataclass
class Ended:
    """What an execution came to."""

    status: str
    error: str = ""
    cause: str = ""
    path: list[str] = field(default_factory=list)
    """The states that it entered."""
    struck: int = 0
    """How often the fault did strike."""
    went_on: bool = False
    """Whether it was left where its next state begins, since only a first try failed."""

    @property
    def detail(self) -> dict[str, Any]:
        """Of its status change event."""
        return {
            "executionArn": _EXECUTION,
            "status": self.status,
            "error": self.error or None,
            "cause": self.cause or None,
        }


class Machine:
    """One definition, whose executions may begin at any state, also at one within a Map."""

    def __init__(
        self, interpreter: Interpreter, definition: Mapping[str, Any], modules: Mapping[str, str]
    ) -> None:
        """
        Args:
            interpreter: Entered already, and not left before the last run.
            modules: Function, as the definition names it → the handler's module.
        """
        self.start_at: str = definition["StartAt"]
        self.longest_seconds: int = definition["TimeoutSeconds"]
        self.states: dict[str, State] = dict(states_of(definition))
        kinds = {name: kind_of(state) for name, state in self.states.items()}
        self._jobs = {name: kind for name, kind in kinds.items() if kind in ("job", "answer")}
        self.map_of = {
            inner: name
            for name, state in self.states.items()
            for inner in state.get("ItemProcessor", {}).get("States", ())
        }
        self.modules = {_filled(name): module for name, module in modules.items()}
        text = json.dumps({"StartAt": self.start_at, "States": self.states})
        self._interpreter = interpreter
        self._program = AmazonStateLanguageParser.parse(_filled(text))[0]

    def run(
        self,
        account: Account,
        data: Mapping[str, Any],
        at: str | None = None,
        strike: Strike | None = None,
        *,
        meanwhile: Callable[[], None] | None = None,
    ) -> Ended:
        """Run to the end, which needs no time: who waits is told that it is later.

        Args:
            meanwhile: Done while the run is at the struck state: once what it calls has answered,
                or, where it calls nothing, as it begins.
        """
        environment = _environment(deepcopy(dict(data)))
        following = tuple(next_states(self.states[at])) if at else ()
        execution = Execution(
            environment, account, self.longest_seconds, at, strike, self._jobs, following
        )
        execution.meanwhile = self._in_between(execution, meanwhile) if meanwhile else None
        environment.next_state_name = at or self.start_at
        account.answer_token = execution.answer
        self._interpreter.execution = execution
        self._program._eval_body(environment)
        return execution.ended()

    def _in_between(self, execution: Execution, do: Callable[[], None]) -> Callable[[], None]:
        """The interpreter runs one execution at a time: another may run, and this one goes on."""

        def done() -> None:
            token = execution.account.answer_token
            do()
            self._interpreter.execution = execution
            execution.account.answer_token = token

        return done


@dataclass
class Execution:
    environment: Environment
    account: Account
    longest_seconds: int
    struck_state: str | None
    strike: Strike | None
    jobs: Mapping[str, str]
    """States that wait for a job → their kind."""
    following: tuple[str, ...]
    """What comes after the state that is struck, where it does well in the end."""
    path: list[str] = field(default_factory=list)
    seconds: float = 0.0
    struck: int = 0
    went_on: bool = False
    meanwhile: Callable[[], None] | None = None

    def wait(self, seconds: float) -> None:
        self.seconds += seconds
        if self.seconds > self.longest_seconds:
            self.environment.set_timed_out()

    def enter(self, state: Any, env: Environment, original: Any) -> None:
        """Begin a state; one that calls nothing is struck here."""
        self.path.append(state.name)
        if self.struck and self.strike and self.strike.once and state.name in self.following:
            self.went_on = True
            env.set_ended()
            return
        if not isinstance(state, ExecutionState):
            strike = self._strike_at(state.name)
            if strike is not None and self.meanwhile:
                self._meanwhile_once()
            elif strike is not None:
                if self._interrupt(strike):
                    return
                env.states.reset(strike.without(env.states.get_input()))
        original(state, env)

    def evaluate(self, state: Any, env: Environment, original: Any) -> None:
        """Do what a state is for; one that calls something is struck here."""
        strike = self._strike_at(state.name)
        if strike is not None and self.meanwhile:
            strike = None
            original(state, env)
            self._meanwhile_once()
        elif strike is None:
            original(state, env)
        elif strike.after:
            lose_result(state, env, original)
        over = strike is None or strike.ends_jobs or self.jobs.get(state.name) == "answer"
        if state.name in self.jobs and over:  # a worker ends a job that nobody waits for any more
            self.account.jobs_end()
        if strike is not None and not self._interrupt(strike):
            raise failure(env, strike.error, strike.cause.replace(JOB, self.account.latest_job))

    def _meanwhile_once(self) -> None:
        do, self.meanwhile, self.strike = self.meanwhile, None, None
        assert do is not None
        do()

    def answer(self, token: str, answer: Any) -> None:
        endpoint = self.environment.callback_pool_manager.get(token)
        assert endpoint is not None
        endpoint.notify(CallbackOutcomeSuccess(token, json.dumps(answer)))

    def _strike_at(self, state: str) -> Strike | None:
        """The fault that strikes a state now, if any."""
        if self.strike is None or state != self.struck_state:
            return None
        if self.strike.once and self.struck:
            return None
        self.struck += 1
        return self.strike

    def _interrupt(self, strike: Strike) -> bool:
        """End the execution from outside, where that is what strikes."""
        if strike.aborts:
            self.environment.set_stop(datetime.now(UTC), strike.cause or None, None)
        elif strike.outlasts:
            self.wait(self.longest_seconds + 1)
        return strike.aborts or strike.outlasts

    def ended(self) -> Ended:
        state = self.environment.program_state()
        status, error = "TIMED_OUT", ("", "")
        if isinstance(state, ProgramEnded):
            status = "SUCCEEDED"
        elif isinstance(state, ProgramStopped):
            status, error = "ABORTED", ("", state.cause or "")
        elif isinstance(state, ProgramError):
            told = state.error or {}
            status, error = "FAILED", (told.get("error") or "", told.get("cause") or "")
        return Ended(status, *error, self.path, self.struck, self.went_on)


def _environment(data: dict[str, Any]) -> Environment:
    return Environment(
        aws_execution_details=AWSExecutionDetails(ACCOUNT_ID, "us-east-1", _ROLE),
        execution_type=StateMachineType.STANDARD,
        context=ContextObjectData(
            Execution=ExecutionData(
                Id=_EXECUTION,
                Input=data,
                Name="one",
                RoleArn=_ROLE,
                StartTime="2026-01-31T12:00:00.000Z",
            ),
            StateMachine=StateMachineData(
                Id=f"arn:aws:states:us-east-1:{ACCOUNT_ID}:stateMachine:stratos", Name="stratos"
            ),
        ),
        event_history_context=EventHistoryContext.of_program_start(),
        cloud_watch_logging_session=None,
        activity_store={},
    )


class Interpreter:
    """The embedded cloud's mending of moto's interpreter, and seams for one execution at a time."""

    def __init__(self) -> None:
        self._patches, self._jobs = Patches(), SyncIntegrations()
        self.execution: Execution | None = None

    def __enter__(self) -> Interpreter:
        mend_state_language(self._patches, "http://nowhere")
        mend_grammar(self._patches)
        mend_map_runs(self._patches)
        self._jobs.install(None)  # type: ignore[arg-type]
        self._put_seams()
        return self

    def __exit__(self, *_: object) -> None:
        self._jobs.close()
        self._patches.restore()

    @property
    def _now(self) -> Execution:
        assert self.execution is not None
        return self.execution

    def _put_seams(self) -> None:
        replace = self._patches.replace
        found = vars(boto_client)["boto_client_for"]
        self._patches.replace_everywhere("moto.stepfunctions", found, lambda **_: self._now.account)
        replace(sagemaker_sync, "require_managed_rule", lambda *_: None)
        replace(map_runs, "_require_rights", lambda *_: None)
        replace(EventManager, "add_event", lambda *_, **__: 0)
        replace(CommonStateField, "_get_state_entered_event_details", lambda *_, **__: {})
        for copying in (environment_module, execute_state, states_module):
            replace(copying, "copy", SimpleNamespace(deepcopy=_copy))
        # They write a whole state into the log.
        for name in ("_log_failure_event_exception", "_log_exception"):
            replace(EvalComponent, name, lambda *_, **__: None)

        def wait(seconds: float) -> None:
            self._now.wait(seconds)

        replace(retrier_decl, "time", SimpleNamespace(sleep=wait))
        replace(WaitFunction, "_wait_interval", lambda _, env, wait_seconds: wait(wait_seconds))
        enter = vars(CommonStateField)["_eval_body"]
        evaluate = vars(ExecutionState)["_evaluate_with_timeout"]
        replace(
            CommonStateField, "_eval_body", lambda state, env: self._now.enter(state, env, enter)
        )
        replace(
            ExecutionState,
            "_evaluate_with_timeout",
            lambda state, env: self._now.evaluate(state, env, evaluate),
        )


def _copy(value: Any) -> Any:
    """What `copy.deepcopy` gives, sooner: an execution's data is JSON."""
    try:
        return marshal.loads(marshal.dumps(value))
    except ValueError:
        return deepcopy(value)


def lose_result(state: Any, env: Environment, evaluate: Any) -> None:
    """Do what a state is for; its result does not arrive, so that a retry has the same input."""
    given, stack = _copy(env.states.get_input()), deepcopy(env.stack)
    evaluate(state, env)
    env.states.reset(given)
    env.stack[:] = stack


def failure(env: Environment, error: str, cause: str) -> FailureEventException:
    details = TaskFailedEventDetails(error=error, cause=cause)
    return FailureEventException(
        FailureEvent(
            env=env,
            error_name=CustomErrorName(error),
            event_type=HistoryEventType.TaskFailed,
            event_details=EventDetails(taskFailedEventDetails=details),
        )
    )


def _filled(text: str) -> str:
    """What CloudFormation would fill in, in the form in which the interpreter reads ARNs."""
    function = rf"arn:aws:lambda:us-east-1:{ACCOUNT_ID}:function:\1"
    return re.sub(r"<(\w+)\.Arn>", function, text.replace("<AWS::Partition>", "aws"))
