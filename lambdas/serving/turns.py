"""Turns: of the runs of one spec, one at a time may change the endpoint that they share.

A turn is an item of the runs table beside the rows of the runs. It is taken before a model goes to
the endpoint and given back once the endpoint is the run's own or is as it was: by Promote or by
CleanUp, or by the sweeper where CleanUp could not (`lambdas/serving/clean_up_retries.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError

from lambdas.aws import runs_table
from lambdas.aws.clients import client, error_code
from lambdas.aws.settings import settings
from stratos.contracts.run import RunRef
from stratos.errors import EndpointBusy
from stratos.moment import written

_PREFIX = "turn/"
"""No run is named so: an id begins with the name of a spec, which has no slash."""


@dataclass(frozen=True)
class Turn:
    """A turn that was taken and not given back yet."""

    endpoint_name: str
    run_id: str
    tried_at: datetime | None
    """When the sweeper called CleanUp for it, after its run had ended."""


def take(run: RunRef, endpoint_name: str) -> None:
    """Take the turn for a run, which may have it already.

    A run that has ended keeps its turn until its leftovers at the endpoint are removed.

    Raises:
        EndpointBusy: another run has the turn, or this one was given up meanwhile.
    """
    holder = holder_of(endpoint_name)
    if holder is not None and holder != run.run_id:
        row = runs_table.find(holder)
        # A run that ended in charge of its spec has left nothing behind.
        if row is not None and not (row.finished and row.in_charge):
            raise EndpointBusy(_told(endpoint_name, holder, over=row.finished))
    condition, values = "attribute_not_exists(holder)", {":mine": {"S": run.run_id}}
    if holder is not None:
        condition, values[":holder"] = "holder = :holder", {"S": holder}
    try:
        client("dynamodb").update_item(
            **_item(endpoint_name),
            UpdateExpression="SET holder = :mine REMOVE tried_at",
            ConditionExpression=condition,
            ExpressionAttributeValues=values,
        )
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise
        raise EndpointBusy(_told(endpoint_name, "another", over=False)) from error
    _refuse_if_given_up(run, endpoint_name)


def _refuse_if_given_up(run: RunRef, endpoint_name: str) -> None:
    """Give the turn back for a run that was stopped while its function ran on.

    CleanUp gives the run up before it looks for its turn: one of the two sees the other.
    """
    row = runs_table.find(run.run_id)
    if row is not None and row.given_up_at is not None:
        give_back(run.run_id, endpoint_name)
        raise EndpointBusy(f"run {run.run_id} was given up; its turn is free for the next one")


def has(run: RunRef, endpoint_name: str) -> bool:
    """Whether a run has the turn at an endpoint."""
    return holder_of(endpoint_name) == run.run_id


def give_back(run_id: str, endpoint_name: str) -> None:
    """Free the turn for the next run, if it is this run's."""
    _change(endpoint_name, run_id, "REMOVE holder, tried_at")


def all_held() -> Iterator[Turn]:
    """Every turn that is taken, whether or not its run has ended."""
    pages = client("dynamodb").get_paginator("scan")
    for page in pages.paginate(
        TableName=settings().runs_table,
        ConsistentRead=True,
        FilterExpression="attribute_exists(holder)",
    ):
        for item in page["Items"]:
            tried_at: str | None = item.get("tried_at", {}).get("S")
            yield Turn(
                endpoint_name=item["run_id"]["S"].removeprefix(_PREFIX),
                run_id=item["holder"]["S"],
                tried_at=None if tried_at is None else datetime.fromisoformat(tried_at),
            )


def mark_tried(turn: Turn, tried_at: datetime) -> None:
    """Note that CleanUp was called once more for a turn."""
    _change(
        turn.endpoint_name, turn.run_id, "SET tried_at = :at", {":at": {"S": written(tried_at)}}
    )


def _change(
    endpoint_name: str, run_id: str, change: str, values: dict[str, dict[str, str]] | None = None
) -> None:
    """Change a turn, if it is still the run's."""
    try:
        client("dynamodb").update_item(
            **_item(endpoint_name),
            UpdateExpression=change,
            ConditionExpression="holder = :mine",
            ExpressionAttributeValues={":mine": {"S": run_id}, **(values or {})},
        )
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise


def holder_of(endpoint_name: str) -> str | None:
    """The run that has the turn at an endpoint, if one has."""
    found = client("dynamodb").get_item(**_item(endpoint_name), ConsistentRead=True)
    holder: dict[str, str] = found.get("Item", {}).get("holder", {})
    return holder.get("S")


def _told(endpoint_name: str, holder: str, *, over: bool) -> str:
    if over:
        return (
            f"run {holder} has ended, but what it left at endpoint {endpoint_name} is not removed "
            "yet; this run goes on when CleanUp has removed it, or when the sweeper gives up "
            "(within three hours)"
        )
    return (
        f"run {holder} is changing endpoint {endpoint_name}, and only one run may at a time; this "
        f"run goes on when that one has ended (`stratos stop {holder}` ends it)"
    )


def _item(endpoint_name: str) -> dict[str, object]:
    return {
        "TableName": settings().runs_table,
        "Key": {"run_id": {"S": _PREFIX + endpoint_name}},
    }
