"""Runs as the command line sees them: rows of the runs table, and what their executions say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, get_args

from botocore.exceptions import ClientError

from stratos.cli.stack import Stack
from stratos.contracts.bucket import PROGRESS_FILE, RunKeys
from stratos.contracts.jobs import Progress
from stratos.errors import RunNotFound
from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.pipeline.summary import RunStatus, RunSummary

FINISHED = frozenset(get_args(RunStatus)) - {"running"} | {"deleted"}


@dataclass(frozen=True)
class RunRow:
    """One row of the runs table."""

    run_id: str
    spec_name: str
    status: str
    started_at: str
    ended_at: str | None
    execution_arn: str | None
    endpoint_name: str | None
    expires_at: str | None
    usd_per_hour: float | None
    live_since: str | None = None
    batch_model_name: str | None = None
    """Set while the run's model is in service for batches."""
    awaiting_approval_since: str | None = None
    approve_by: str | None = None
    task_token: str | None = field(default=None, repr=False)
    """Set while the run waits for approval."""

    @property
    def finished(self) -> bool:
        return self.status in FINISHED

    @property
    def usd_per_month(self) -> float | None:
        """What the endpoint costs while it is live.

        For a model without one, what batches cost under the declared traffic.
        """
        if self.usd_per_hour is None or not self.live:
            return None
        return self.usd_per_hour * HOURS_PER_MONTH

    @property
    def kept(self) -> bool:
        """The endpoint stays until somebody deletes it."""
        return self.live and self.endpoint_name is not None and self.expires_at is None

    @property
    def awaits_approval(self) -> bool:
        return self.task_token is not None and not self.finished

    @property
    def live(self) -> bool:
        """Whether the run's model is in service, however the run ended.

        A run that fails after its model was promoted leaves an endpoint, and that is billed.
        """
        if self.endpoint_name is None:
            return self.batch_model_name is not None
        return self.expires_at is None or _parse(self.expires_at) > datetime.now(UTC)

    @classmethod
    def from_item(cls, item: dict[str, Any]) -> RunRow:
        rate = item.get("usd_per_hour")
        return cls(
            run_id=item["run_id"],
            spec_name=item.get("spec_name") or item["run_id"].rpartition("-")[0],
            status=item.get("status", "running"),
            started_at=item.get("started_at", ""),
            ended_at=item.get("ended_at"),
            execution_arn=item.get("execution_arn"),
            endpoint_name=item.get("endpoint_name"),
            expires_at=item.get("expires_at"),
            usd_per_hour=None if rate is None else float(rate),
            live_since=item.get("live_since") or item.get("ended_at"),
            batch_model_name=item.get("batch_model_name"),
            awaiting_approval_since=item.get("awaiting_approval_since"),
            approve_by=item.get("approve_by"),
            task_token=item.get("task_token"),
        )


def _parse(moment: str) -> datetime:
    parsed = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def find_run(stack: Stack, run_id: str) -> RunRow:
    """Return one run.

    Raises:
        RunNotFound: naming the runs there are.
    """
    item = stack.table.get_item(Key={"run_id": run_id}, ConsistentRead=True).get("Item")
    if item is None:
        known = ", ".join(row.run_id for row in list_runs(stack)[:5]) or "none"
        raise RunNotFound(f"no run {run_id!r}; the latest runs are: {known}")
    return RunRow.from_item(item)


def list_runs(stack: Stack) -> list[RunRow]:
    """Every run, newest first."""
    # The table also holds turns at an endpoint (lambdas/serving/turns.py).
    runs = {"FilterExpression": "attribute_exists(spec_key)"}
    items: list[dict[str, Any]] = []
    page = stack.table.scan(**runs)
    items += page["Items"]
    while "LastEvaluatedKey" in page:
        page = stack.table.scan(**runs, ExclusiveStartKey=page["LastEvaluatedKey"])
        items += page["Items"]
    return sorted((RunRow.from_item(i) for i in items), key=lambda r: r.started_at, reverse=True)


def list_hosting(stack: Stack) -> list[RunRow]:
    """Every run, newest first; a run is live only if its endpoint, or model, exists."""
    rows = list_runs(stack)
    if any(row.endpoint_name is not None for row in rows):
        there = _names(stack, "Endpoint")
        rows = [r if r.endpoint_name in there else replace(r, endpoint_name=None) for r in rows]
    if any(row.batch_model_name is not None for row in rows):
        there = _names(stack, "Model")
        rows = [
            r if r.batch_model_name in there else replace(r, batch_model_name=None) for r in rows
        ]
    return rows


def _names(stack: Stack, kind: str) -> set[str]:
    """Names of all endpoints, or of all models."""
    pages = stack.sagemaker.get_paginator(f"list_{kind.lower()}s").paginate()
    return {item[f"{kind}Name"] for page in pages for item in page[f"{kind}s"]}


def read_summary(stack: Stack, run_id: str) -> RunSummary | None:
    """The run's summary; None while there is none."""
    text = read_object(stack, RunKeys(run_id).summary)
    return None if text is None else RunSummary.model_validate_json(text)


def read_object(stack: Stack, key: str) -> str | None:
    try:
        body = stack.s3.get_object(Bucket=stack.bucket, Key=key)["Body"]
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return None
        raise
    return str(body.read().decode("utf-8"))


def latest_progress(stack: Stack, run_id: str) -> Progress | None:
    """The latest progress note of the run's jobs."""
    prefix = RunKeys(run_id).jobs
    listed = stack.s3.list_objects_v2(Bucket=stack.bucket, Prefix=prefix).get("Contents", [])
    notes = [item for item in listed if item["Key"].endswith(f"/{PROGRESS_FILE}")]
    if not notes:
        return None
    newest = max(notes, key=lambda item: item["LastModified"])
    text = read_object(stack, newest["Key"])
    return None if text is None else Progress.model_validate_json(text)


def execution_ended(stack: Stack, execution_arn: str) -> str | None:
    """How the execution ended (`FAILED`, …), or None while it runs."""
    status = stack.states.describe_execution(executionArn=execution_arn)["status"]
    return None if status == "RUNNING" else str(status)


def current_state(stack: Stack, execution_arn: str) -> str | None:
    """Name of the state the execution entered last."""
    history = stack.states.get_execution_history(
        executionArn=execution_arn, reverseOrder=True, maxResults=100
    )
    for event in history["events"]:
        if entered := event.get("stateEnteredEventDetails"):
            return str(entered["name"])
    return None
