"""Log streams that hold the lines of one run only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from stratos.cli.stack import Stack, client
from stratos.contracts.run import RunRow

_JOBS = "/aws/sagemaker/TrainingJobs"
_BATCHES = "/aws/sagemaker/TransformJobs"
_OF_ENDPOINTS = ("/aws/sagemaker/Endpoints/", "/aws/sagemaker/InferenceComponents/")
_ATTEMPT = r"-a\d{1,2}(-|$)"
"""Behind a run's id in the name of its deployment; the id of another run may begin like it."""


def job_streams(stack: Stack, run: RunRow, rows: Sequence[RunRow]) -> list[tuple[str, str]]:
    """Group and name of the streams of a run's training and transform jobs.

    Args:
        rows: Every run; the id of one may begin like another's.
    """
    logs = client("logs", region=stack.elsewhere or None)
    longer = [row.run_id for row in rows if row.run_id != run.run_id]
    found = []
    for group, start in ((_JOBS, ""), (_BATCHES, stack.names.start)):
        others = tuple(f"{start}{other}-" for other in longer)
        for stream in _streams(logs, group, logStreamNamePrefix=f"{start}{run.run_id}-"):
            if not stream["logStreamName"].startswith(others):
                found.append((group, str(stream["logStreamName"])))
    return found


def endpoint_streams(stack: Stack, run: RunRow, until: datetime | None) -> list[tuple[str, str]]:
    """Group and name of the streams that the spec's endpoint began while the run was its newest.

    Args:
        until: When the spec's next run began; None if there was none.
    """
    logs, name = client("logs"), stack.names.endpoint(run.shown_spec_name)
    first = run.started_at.timestamp() * 1000
    end = float("inf") if until is None else until.timestamp() * 1000
    return [
        (start + name, str(stream["logStreamName"]))
        for start in _OF_ENDPOINTS
        for stream in _streams(logs, start + name)
        if first <= stream["creationTime"] < end
    ]


def own_endpoint_streams(stack: Stack, run: RunRow) -> list[tuple[str, str]]:
    """The same of endpoints that a run made for itself, to serve in several regions."""
    logs, made = stack.client("logs"), f"{stack.names.start}{run.run_id}"
    found = []
    for start in _OF_ENDPOINTS:
        pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=start + made)
        groups = [str(group["logGroupName"]) for page in pages for group in page["logGroups"]]
        for group in groups:
            if re.match(_ATTEMPT, group.removeprefix(start + made)):
                found += [(group, str(s["logStreamName"])) for s in _streams(logs, group)]
    return found


def delete_stream(logs: Any, group: str, stream: str) -> None:
    """Delete a stream, which may be gone."""
    try:
        logs.delete_log_stream(logGroupName=group, logStreamName=stream)
    except logs.exceptions.ResourceNotFoundException:
        return


def _streams(logs: Any, group: str, **chosen: str) -> Iterator[dict[str, Any]]:
    pages = logs.get_paginator("describe_log_streams")
    try:
        for page in pages.paginate(logGroupName=group, **chosen):
            yield from page["logStreams"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
