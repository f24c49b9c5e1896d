"""`stratos stop`: end a run."""

from __future__ import annotations

from stratos.cli.options import RunId
from stratos.cli.runs import WHY_GONE, find_run
from stratos.cli.screen import make_console
from stratos.cli.stack import Stack
from stratos.errors import RunLost


def stop_command(run_id: RunId) -> None:
    stack, console = Stack.find(), make_console()
    run = find_run(stack, run_id)
    if run.finished:
        console.print(f"run {run_id} has ended already: {run.status}")
        return
    try:
        stack.states.stop_execution(
            executionArn=run.execution_arn, cause="stopped by `stratos stop`"
        )
    except stack.states.exceptions.ExecutionDoesNotExist as error:
        raise RunLost(
            f"nothing of run {run_id} goes on: its execution is gone ({WHY_GONE}). What it has "
            "made is removed by `stratos sweep`"
        ) from error
    console.print(f"run {run_id} is stopping; `stratos watch {run_id}` shows it end")
