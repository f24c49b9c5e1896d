"""Step Functions executions, read back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from lambdas.aws.clients import client, error_code

_NO_LONGER_AWAITED = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")


def is_running(execution_arn: str, region: str | None = None) -> bool:
    """Whether an execution is running. One that Step Functions has forgotten is not."""
    return running_input(execution_arn, region) is not None


def running_input(execution_arn: str, region: str | None = None) -> str | None:
    """The input of an execution that is running; None of any other."""
    try:
        found = client("stepfunctions", region).describe_execution(executionArn=execution_arn)
    except ClientError as error:
        if error_code(error) == "ExecutionDoesNotExist":
            return None
        raise
    return str(found.get("input", "")) if found["status"] == "RUNNING" else None


def answer(task_token: str, output: str) -> None:
    """Let a task go on that waits for an answer, if it still does.

    Args:
        output: Of the task, as JSON.
    """
    try:
        client("stepfunctions").send_task_success(taskToken=task_token, output=output)
    except ClientError as error:
        if error_code(error) not in _NO_LONGER_AWAITED:
            raise


@dataclass(frozen=True)
class ExecutionEnd:
    """How an execution ended."""

    detail: dict[str, Any]
    """As in the event `Step Functions Execution Status Change`."""
    at: datetime | None
    """None once Step Functions has forgotten the execution."""


def end_of(execution_arn: str) -> ExecutionEnd | None:
    """How an execution ended; None while it is running."""
    detail = {"executionArn": execution_arn, "status": "FORGOTTEN"}
    try:
        found = client("stepfunctions").describe_execution(executionArn=execution_arn)
    except ClientError as error:
        if error_code(error) == "ExecutionDoesNotExist":
            return ExecutionEnd(detail, None)
        raise
    if found["status"] == "RUNNING":
        return None
    told = {name: found[name] for name in ("status", "error", "cause") if name in found}
    return ExecutionEnd(detail | told, found.get("stopDate"))


def history(execution_arn: str) -> Iterator[dict[str, Any]]:
    """Events of an execution, the oldest first, without the data of its states.

    None of one that Step Functions has forgotten: its run has to be brought to an end all the same.
    """
    pages = client("stepfunctions").get_paginator("get_execution_history")
    try:
        for page in pages.paginate(executionArn=execution_arn, includeExecutionData=False):
            yield from page["events"]
    except ClientError as error:
        if error_code(error) != "ExecutionDoesNotExist":
            raise
