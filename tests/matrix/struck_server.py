"""`python -m tests.matrix.struck_server`: an embedded cloud whose executions can be struck.

It is the cloud of `infra.local.server` with one seam more. Before a state begins, or, where it
calls something, before its call, the seam looks whether there is an order for it
(`tests/matrix/orders.py`). Retries and Wait states wait a part of their time; all else runs as
ever.
"""

from __future__ import annotations

import copy
import sys
import threading
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment

from infra.local import server
from infra.local.host.patching import Patches
from infra.local.host.settings import LocalSettings
from infra.local.stepfunctions.executions import running_executions
from tests.matrix.brought_again import bring_again
from tests.matrix.machine import failure, lose_result
from tests.matrix.orders import WORKER, Order, Orders

MODULE = "tests.matrix.struck_server"
WAITS = 0.05
"""Seconds that a retry or a Wait state waits here for each that it says."""
_LOOK_SECONDS = 0.05
_UNDER_WAY_SECONDS = 0.2
"""That a call is under way when the execution's time is over."""


class Strikes:
    """The seam."""

    def __init__(self) -> None:
        self._patches = Patches()
        self._closing = threading.Event()

    def install(self, settings: LocalSettings) -> None:
        orders, replace = Orders(settings.state_dir), self._patches.replace
        enter = vars(CommonStateField)["_eval_body"]
        evaluate = vars(ExecutionState)["_evaluate_with_timeout"]
        wait = vars(WaitFunction)["_wait_interval"]

        def hold(state: Any, env: Environment) -> None:
            name = named(state, env)
            while env.is_running() and not orders.released(name):
                if self._closing.wait(_LOOK_SECONDS):
                    break

        def named(state: Any, env: Environment) -> str:
            at_home = _execution_of(env).split(":")[3] == settings.regions[0]
            return str(state.name) if at_home else f"{WORKER}{state.name}"

        def order_for(state: Any, env: Environment, *acts: str) -> Order | None:
            return orders.take(named(state, env), acts, _execution_of(env))

        def enter_struck(state: Any, env: Environment) -> None:
            if not isinstance(state, ExecutionState):  # what calls something is struck in its call
                order = order_for(state, env, "hold", "outlast", "find")
                if order is not None and order.act == "outlast":
                    _outlast(env)
                elif order is not None and order.act == "find":
                    env.states.reset(_with(env.states.get_input(), order.data))
                elif order is not None:
                    hold(state, env)
            if env.is_running():
                enter(state, env)

        def evaluate_struck(state: Any, env: Environment) -> None:
            order = order_for(state, env, "fail", "hold", "outlast")
            if order is not None and order.act == "hold":
                hold(state, env)
            elif order is not None and order.act == "outlast":
                threading.Timer(_UNDER_WAY_SECONDS, _outlast, (env,)).start()
            if order is None or order.act != "fail":
                if env.is_running():
                    evaluate(state, env)
                return
            if order.after:
                lose_result(state, env, evaluate)
            raise failure(env, order.error, order.cause)

        bring_again(self._patches, orders, settings.state_dir / "made")
        replace(CommonStateField, "_eval_body", enter_struck)
        replace(ExecutionState, "_evaluate_with_timeout", evaluate_struck)
        replace(
            retrier_decl, "time", SimpleNamespace(sleep=lambda seconds: time.sleep(seconds * WAITS))
        )
        replace(
            WaitFunction,
            "_wait_interval",
            lambda state, env, wait_seconds: wait(state, env, wait_seconds * WAITS),
        )

    def close(self) -> None:
        self._closing.set()
        self._patches.restore()


def _with(data: Any, changes: Mapping[str, Any]) -> Any:
    """A state's data with other values at some paths."""
    changed = copy.deepcopy(data)
    for path, value in changes.items():
        *parents, name = path.removeprefix("$.").split(".")
        found = changed
        for parent in parents:
            found = found[parent]
        found[name] = _filled(value, data)
    return changed


def _filled(value: Any, data: Any) -> Any:
    """A value of an order, with all that it copies."""
    if isinstance(value, list):
        return [_filled(one, data) for one in value]
    if not isinstance(value, dict):
        return value
    if "copied_from" not in value:
        return {name: _filled(one, data) for name, one in value.items()}
    found = data
    for part in value["copied_from"].removeprefix("$.").split("."):
        found = found[part]
    return _renamed(found, value["ending"], value["now"])


def _renamed(value: Any, ending: str, now: str) -> Any:
    """A copy in which texts with an ending have another."""
    if isinstance(value, list):
        return [_renamed(one, ending, now) for one in value]
    if isinstance(value, dict):
        return {name: _renamed(one, ending, now) for name, one in value.items()}
    if isinstance(value, str) and ending and value.endswith(ending):
        return value.removesuffix(ending) + now
    return copy.deepcopy(value)


def _outlast(env: Environment) -> None:
    """Put an execution past its time limit, wherever in it a state is."""
    execution_arn = _execution_of(env)
    for execution in running_executions():
        if execution.exec_arn == execution_arn:
            execution.exec_worker.env.set_timed_out()


def _execution_of(env: Environment) -> str:
    """The ARN of the execution whose state it is."""
    return str(env.states.context_object.context_object_data["Execution"]["Id"])


if __name__ == "__main__":
    # Before the last one, the clock, as all that is there before its schedules fire.
    server.SEAMS = (*server.SEAMS[:-1], Strikes, server.SEAMS[-1])
    sys.exit(server.main())
