"""Runs as the command line sees them: rows of the runs table, and what their executions say."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from stratos.cli.stack import Stack
from stratos.client.passed_over import is_unanswered
from stratos.contracts.bucket import PROGRESS_FILE, RESULT_FILE, RunKeys
from stratos.contracts.jobs import Progress
from stratos.contracts.run import RunRow
from stratos.contracts.run_queue import QUEUE_KEY, RunQueue
from stratos.errors import RunNotFound
from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.pipeline.summary import RunSummary
from stratos.sharding.number import step_of_shard
from stratos.sharding.progress import shared_progress

GONE = "gone"
"""Of an execution that Step Functions does not know any more."""
WHY_GONE = "the embedded cloud lost it when it ended, or it is over for more than 90 days"
_FAR_SECONDS = 10.0
"""How long a call to another region may take, which may be gone."""


def find_run(stack: Stack, run_id: str) -> RunRow:
    """Return one run.

    Raises:
        RunNotFound: naming the runs there are.
    """
    item = stack.table.get_item(Key={"run_id": run_id}, ConsistentRead=True).get("Item")
    if item is None:
        raise RunNotFound(no_such_run(stack, run_id))
    (row,) = _with_queue(stack, [RunRow.model_validate(item)])
    return row


def read_queue(stack: Stack) -> RunQueue:
    """Which runs have a place, and which wait."""
    return RunQueue.of_item(stack.table.get_item(Key=QUEUE_KEY, ConsistentRead=True).get("Item"))


def _with_queue(stack: Stack, rows: list[RunRow]) -> list[RunRow]:
    """Say of runs that wait for their place what for."""
    if not any(row.awaits_place for row in rows):
        return rows
    queue = read_queue(stack)
    return [
        row.model_copy(update={"queued": queue.why_waits(row.run_id)}) if row.awaits_place else row
        for row in rows
    ]


def no_such_run(stack: Stack, run_id: str) -> str:
    """Names the run that may have been meant, and the newest ones."""
    ids = [row.run_id for row in list_runs(stack)]
    close = [known for known in ids if run_id and known.startswith(run_id)]
    close = close[:1] or difflib.get_close_matches(run_id, ids, n=1, cutoff=0.6)
    hint = f"; did you mean {close[0]}?" if close else ";"
    return f"no run {run_id!r}{hint} the latest runs are: {', '.join(ids[:5]) or 'none'}"


def latest_runs(stack: Stack) -> str:
    """The ids of the newest runs, for an error."""
    return ", ".join(row.run_id for row in list_runs(stack)[:5]) or "none"


def list_runs(stack: Stack) -> list[RunRow]:
    """Every run, newest first."""
    # The table also holds the queue, and turns at an endpoint (lambdas/serving/turns.py).
    runs = {"FilterExpression": "attribute_exists(spec_key)"}
    items: list[dict[str, Any]] = []
    page = stack.table.scan(**runs)
    items += page["Items"]
    while "LastEvaluatedKey" in page:
        page = stack.table.scan(**runs, ExclusiveStartKey=page["LastEvaluatedKey"])
        items += page["Items"]
    rows = sorted(_rows(items), key=lambda row: row.started_at, reverse=True)
    return _with_queue(stack, rows)


def _rows(items: Iterable[dict[str, Any]]) -> Iterator[RunRow]:
    """Rows of the table; one that cannot be read is named, and does not hide the others."""
    for item in items:
        try:
            yield RunRow.model_validate(item)
        except ValidationError as error:
            columns = ", ".join(str(each["loc"][0]) for each in error.errors())
            typer.echo(
                f"run {item.get('run_id')} is left out: its row in the runs table has no usable "
                f"{columns}. Mend or delete the row",
                err=True,
            )


def list_hosting(stack: Stack) -> list[RunRow]:
    """Every run, newest first; a run is live only if its endpoint, or model, exists.

    An endpoint in a region that does not answer is taken to exist.
    """
    rows = list_runs(stack)
    served = [row for row in rows if row.endpoint_name is not None]
    regions = {region for row in served for region in regions_of(stack, row)}
    there = {region: _endpoints_in(stack, region) for region in sorted(regions)}
    gone = {row.run_id for row in served if not _is_there(stack, row, there)}
    rows = [_without(row, "endpoint_name") if row.run_id in gone else row for row in rows]
    if any(row.batch_model_name is not None for row in rows):
        models = _names(stack, "Model")
        rows = [
            row if row.batch_model_name in models else _without(row, "batch_model_name")
            for row in rows
        ]
    return rows


def usd_per_month(row: RunRow) -> float | None:
    """What the endpoint costs while it is live.

    Of batches: what those of the declared traffic cost.
    """
    if row.usd_per_hour is None or not row.live:
        return None
    return row.usd_per_hour * HOURS_PER_MONTH


def _without(row: RunRow, column: str) -> RunRow:
    return row.model_copy(update={column: None})


def regions_of(stack: Stack, run: RunRow) -> tuple[str, ...]:
    """Where a run's endpoint is."""
    return run.serving_regions or (stack.region,)


def _is_there(stack: Stack, row: RunRow, there: Mapping[str, set[str] | None]) -> bool:
    """Whether a run's endpoint is in one of its regions, or may be."""
    found = (there[region] for region in regions_of(stack, row))
    return any(names is None or row.endpoint_name in names for names in found)


def _endpoints_in(stack: Stack, region: str) -> set[str] | None:
    """Names of all endpoints of a region; None if it does not answer."""
    place = stack.in_region(region, _FAR_SECONDS)
    try:
        return _names(place, "Endpoint")
    except (ClientError, BotoCoreError) as error:
        if not (place.elsewhere and is_unanswered(error)):
            raise
    typer.echo(f"{region} does not answer; what is served there is taken to be there", err=True)
    return None


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
    """The latest progress note of the run's jobs; of jobs that share a step, of all together."""
    prefix = RunKeys(run_id).jobs
    listed = stack.s3.list_objects_v2(Bucket=stack.bucket, Prefix=prefix).get("Contents", [])
    notes = [item for item in listed if item["Key"].endswith(f"/{PROGRESS_FILE}")]
    if not notes:
        return None
    newest = max(notes, key=lambda item: item["LastModified"])
    progress = _progress_at(stack, newest["Key"])
    step = step_of_shard(newest["Key"].removeprefix(prefix).partition("/")[0])
    if progress is None or step is None:
        return progress
    keys = [item["Key"].removeprefix(prefix).split("/") for item in listed]
    shards = {folder for folder, *_ in keys if step_of_shard(folder) == step}
    done = {folder for folder, *names in keys if folder in shards and names == [RESULT_FILE]}
    told = [_progress_at(stack, f"{prefix}{folder}/{PROGRESS_FILE}") for folder in sorted(shards)]
    return shared_progress(
        progress, [one for one in told if one is not None], len(done), len(shards)
    )


def _progress_at(stack: Stack, key: str) -> Progress | None:
    text = read_object(stack, key)
    return None if text is None else Progress.model_validate_json(text)


def execution_ended(stack: Stack, execution_arn: str) -> str | None:
    """How the execution ended (`FAILED`, …, or `GONE`), or None while it runs."""
    try:
        status = stack.states.describe_execution(executionArn=execution_arn)["status"]
    except stack.states.exceptions.ExecutionDoesNotExist:
        return GONE
    return None if status == "RUNNING" else str(status)
