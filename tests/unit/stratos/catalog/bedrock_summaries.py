"""Models as Bedrock lists them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import boto3
from botocore.stub import Stubber

REGION, TODAY = "us-east-1", date(2026, 11, 24)


def summary(model_id: str, status: str | None = "ACTIVE", **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "modelArn": f"arn:aws:bedrock:{REGION}::foundation-model/{model_id}",
        "modelId": model_id,
        "inputModalities": ["TEXT", "IMAGE"],
        "outputModalities": ["TEXT"],
    }
    if status is not None:
        row["modelLifecycle"] = {
            "status": status,
            "endOfLifeTime": datetime(2027, 5, 1, tzinfo=UTC),
        }
    return row | changes


def stubbed(*summaries: dict[str, Any]) -> Any:
    """A client whose next answer is the given list, checked against the service's own model."""
    client = boto3.client(
        "bedrock", region_name=REGION, aws_access_key_id="a", aws_secret_access_key="s"
    )
    stubber = Stubber(client)
    stubber.add_response("list_foundation_models", {"modelSummaries": list(summaries)}, {})
    stubber.activate()
    return client
