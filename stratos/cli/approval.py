"""Approve or reject the model of a run that waits for a person."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from botocore.exceptions import ClientError

from stratos.cli.options import RunId
from stratos.cli.runs import find_run
from stratos.cli.screen import make_console
from stratos.cli.stack import Stack, client
from stratos.contracts.run import RunRow
from stratos.errors import ApprovalRejected, NotAwaitingApproval
from stratos.moment import written

_DECIDED = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")
"""How Step Functions says that nobody waits any more: decided, timed out, or stopped."""
_LONGEST_REASON = 500


def approve(stack: Stack, run: RunRow, reason: str) -> str:
    """Approve the model of a run; return who approved it.

    Raises:
        NotAwaitingApproval: if the run does not wait for approval.
    """
    by = _identity()
    answer = {"by": by, "reason": _one_line(reason)}
    _answer(run, stack.states.send_task_success, output=json.dumps(answer))
    return by


def reject(stack: Stack, run: RunRow, reason: str) -> str:
    """Reject the model of a run for a reason; return who rejected it.

    Raises:
        NotAwaitingApproval: if the run does not wait for approval.
    """
    by = _identity()
    _answer(
        run,
        stack.states.send_task_failure,
        error=ApprovalRejected.__name__,
        cause=f"rejected by {by}: {_one_line(reason)}",
    )
    return by


def _answer(run: RunRow, send: object, **answer: str) -> None:
    if not run.awaits_approval:
        state = run.status if run.finished else "running"
        raise NotAwaitingApproval(
            f"run {run.run_id} is {state} and does not wait for approval. A run waits where its "
            "spec says `approval: required`, once its model has passed the accuracy gate; "
            "`stratos runs` shows which do"
        )
    try:
        send(taskToken=run.task_token, **answer)  # type: ignore[operator]
    except ClientError as error:
        if error.response["Error"]["Code"] not in _DECIDED:
            raise
        end = "" if run.approve_by is None else f" at {written(run.approve_by)}"
        raise NotAwaitingApproval(
            f"run {run.run_id} no longer waits for approval: somebody decided, it was stopped, or "
            f"its time was up{end}; see `stratos watch {run.run_id}`"
        ) from error


def _identity() -> str:
    return str(client("sts").get_caller_identity()["Arn"])


def _one_line(reason: str) -> str:
    return " ".join(reason.split())[:_LONGEST_REASON]


def approve_command(
    run_id: RunId,
    reason: Annotated[str, typer.Option(help="The reason; it is stored with the model.")] = "",
) -> None:
    stack = Stack.find()
    by = approve(stack, find_run(stack, run_id), reason)
    make_console().print(f"run {run_id} is approved by {by} and goes on", soft_wrap=True)


def reject_command(
    run_id: RunId,
    reason: Annotated[str, typer.Option(help="The reason; the run fails with it.")],
) -> None:
    stack = Stack.find()
    by = reject(stack, find_run(stack, run_id), reason)
    make_console().print(f"run {run_id} is rejected by {by} and ends", soft_wrap=True)
