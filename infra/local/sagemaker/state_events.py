"""State-change events as SageMaker puts them on the account's default bus."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

logger = logging.getLogger(__name__)


def epoch_milliseconds(value: Any) -> Any:
    """The same structure with every time as SageMaker's events and Step Functions write it."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return int(aware.timestamp() * 1000)
    if isinstance(value, dict):
        return {name: epoch_milliseconds(item) for name, item in value.items()}
    if isinstance(value, list):
        return [epoch_milliseconds(item) for item in value]
    return value


def announce(events: Any, detail_type: str, arn: str, detail: dict[str, Any]) -> None:
    """Put one event; what goes wrong in its targets must not change the state it tells of."""
    entry = {
        "Source": "aws.sagemaker",
        "DetailType": detail_type,
        "Resources": [arn],
        "Detail": json.dumps(epoch_milliseconds(detail)),
    }
    try:
        events.put_events(Entries=[entry])
    except (BotoCoreError, ClientError) as error:
        logger.warning("The event '%s' of %s was not put: %s", detail_type, arn, error)
