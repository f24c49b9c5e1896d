"""Turns: of the runs of one spec, one at a time may change the endpoint that they share.

A turn is an item of the runs table beside the rows of the runs. It is taken before a model goes to
the endpoint and given back once the endpoint is the run's own or is as it was.
"""

from __future__ import annotations

from botocore.exceptions import ClientError

from lambdas import runs_table
from lambdas.aws import client, error_code
from lambdas.settings import settings
from stratos.errors import EndpointBusy
from stratos.steps import RunRef

_PREFIX = "turn/"
"""No run is named so: an id begins with the name of a spec, which has no slash."""


def take(run: RunRef, endpoint_name: str) -> None:
    """Let the run change the endpoint; it may ask again.

    A run that ended without giving its turn back has it no longer.

    Raises:
        EndpointBusy: another run changes the endpoint now.
    """
    holder = _holder(endpoint_name)
    if holder not in (None, run.run_id) and _goes_on(holder):
        raise EndpointBusy(_told(endpoint_name, holder))
    condition, values = "attribute_not_exists(holder)", {":mine": {"S": run.run_id}}
    if holder is not None:
        condition, values[":holder"] = "holder = :holder", {"S": holder}
    try:
        client("dynamodb").update_item(
            **_item(endpoint_name),
            UpdateExpression="SET holder = :mine",
            ConditionExpression=condition,
            ExpressionAttributeValues=values,
        )
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise
        raise EndpointBusy(_told(endpoint_name, "another")) from error


def has(run: RunRef, endpoint_name: str) -> bool:
    """Whether the run is the one that may change the endpoint."""
    return _holder(endpoint_name) == run.run_id


def give_back(run: RunRef, endpoint_name: str) -> None:
    """Let the next run change the endpoint; nothing where the turn is not this run's."""
    try:
        client("dynamodb").update_item(
            **_item(endpoint_name),
            UpdateExpression="REMOVE holder",
            ConditionExpression="holder = :mine",
            ExpressionAttributeValues={":mine": {"S": run.run_id}},
        )
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise


def _holder(endpoint_name: str) -> str | None:
    found = client("dynamodb").get_item(**_item(endpoint_name), ConsistentRead=True)
    holder: dict[str, str] = found.get("Item", {}).get("holder", {})
    return holder.get("S")


def _goes_on(run_id: str) -> bool:
    row = runs_table.find(run_id)
    return row is not None and row.status == "running"


def _told(endpoint_name: str, holder: str) -> str:
    return (
        f"run {holder} is changing endpoint {endpoint_name}, and one run may at a time; this run "
        f"goes on when that one is over (`stratos stop {holder}` ends it)"
    )


def _item(endpoint_name: str) -> dict[str, object]:
    return {
        "TableName": settings().runs_table,
        "Key": {"run_id": {"S": _PREFIX + endpoint_name}},
    }
