"""`stratos stop`: end a run."""

from __future__ import annotations

from stratos.cli.options import RunId
from stratos.cli.runs import find_run
from stratos.cli.screen import make_console
from stratos.cli.stack import Stack


def stop_command(run_id: RunId) -> None:
    stack, console = Stack.find(), make_console()
    run = find_run(stack, run_id)
    if run.finished:
        console.print(f"run {run_id} has ended already: {run.status}")
        return
    stack.states.stop_execution(executionArn=run.execution_arn, cause="stopped by `stratos stop`")
    console.print(f"run {run_id} is stopping; `stratos watch {run_id}` shows it end")
