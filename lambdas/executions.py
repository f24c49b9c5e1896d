"""Step Functions executions, read back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from lambdas.aws import client, error_code


def is_running(execution_arn: str) -> bool:
    """Whether an execution goes on; one that is not there any more does not."""
    try:
        found = client("stepfunctions").describe_execution(executionArn=execution_arn)
    except ClientError as error:
        if error_code(error) == "ExecutionDoesNotExist":
            return False
        raise
    return bool(found["status"] == "RUNNING")


def history(execution_arn: str) -> Iterator[dict[str, Any]]:
    """Events of an execution, the oldest first, without the data of its states."""
    pages = client("stepfunctions").get_paginator("get_execution_history")
    for page in pages.paginate(executionArn=execution_arn, includeExecutionData=False):
        yield from page["events"]
