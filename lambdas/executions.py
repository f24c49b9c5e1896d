"""Step Functions executions, read back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lambdas.aws import client


def history(execution_arn: str) -> Iterator[dict[str, Any]]:
    """Events of an execution, the oldest first, without the data of its states."""
    pages = client("stepfunctions").get_paginator("get_execution_history")
    for page in pages.paginate(executionArn=execution_arn, includeExecutionData=False):
        yield from page["events"]
