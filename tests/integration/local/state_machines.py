"""States of small definitions, and what an execution of one has done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto_cloud import Cloud

PASS: dict[str, Any] = {"Type": "Pass", "End": True}


def history_of(cloud: Cloud, execution_arn: str) -> set[str]:
    """The types of an execution's events so far."""
    history = cloud("stepfunctions").get_execution_history(executionArn=execution_arn)
    return {event["type"] for event in history["events"]}


def invoke(payload: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "work", "Payload": payload},
        "ResultSelector": {"result.$": "$.Payload.echo"},
        "End": True,
    } | fields
