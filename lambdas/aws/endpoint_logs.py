"""What the container of an endpoint wrote last, from CloudWatch Logs."""

from __future__ import annotations

import logging
from collections import deque
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws.clients import client
from stratos.hosting.deployment import AnyEndpoint, ComponentDeployment

logger = logging.getLogger(__name__)

NUM_LINES = 20
_LONGEST_LINE = 400
_MAX_PAGES = 10
"""Of 10,000 lines or 1 MB each, oldest first."""
_OF_REQUESTS = ("/ping", "/invocations", "/health")
"""In lines of an access log, which say nothing of the engine."""


def log_group(deployment: AnyEndpoint) -> str:
    """Where SageMaker writes what the containers of an endpoint print."""
    if isinstance(deployment, ComponentDeployment):
        return f"/aws/sagemaker/InferenceComponents/{deployment.component.name}"
    return f"/aws/sagemaker/Endpoints/{deployment.endpoint_name}"


def last_lines(deployment: AnyEndpoint, since: datetime) -> tuple[str, ...]:
    """The last lines that the engine wrote; none where they cannot be read.

    Args:
        since: When the model began to be deployed: the log has those of earlier ones, too.
    """
    try:
        return tuple(_lines(log_group(deployment), since))
    except (BotoCoreError, ClientError) as error:  # the verdict stands without them
        logger.warning("the log of %s cannot be read: %s", deployment.endpoint_name, error)
        return ()


def _lines(group: str, since: datetime) -> deque[str]:
    kept: deque[str] = deque(maxlen=NUM_LINES)
    asked = {"logGroupName": group, "startTime": int(1000 * since.timestamp())}
    for _ in range(_MAX_PAGES):
        page = client("logs").filter_log_events(**asked)
        found = (event["message"].strip() for event in page["events"])
        kept.extend(line[:_LONGEST_LINE] for line in found if line and not _of_request(line))
        if (token := page.get("nextToken")) is None:
            break
        asked["nextToken"] = token
    return kept


def _of_request(line: str) -> bool:
    return any(path in line for path in _OF_REQUESTS) and "HTTP/1." in line
