"""The runs table: one row a run, found by its id, its execution or its spec."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from lambdas.aws.clients import client, error_code
from lambdas.aws.settings import settings
from stratos.contracts.run import RunRef, RunRow
from stratos.errors import DuplicateEvent
from stratos.moment import now, written

NOTHING_AWAITED: dict[str, None] = dict.fromkeys(
    ("task_token", "awaiting_approval_since", "approve_by")
)
"""Columns that are removed when the wait for a person is over."""


def claim(run: RunRef) -> None:
    """Enter a run, once; the same execution may claim it again.

    Raises:
        DuplicateEvent: when another execution has it.
    """
    item = _serialized(run.model_dump() | {"status": "running"})
    try:
        client("dynamodb").put_item(
            TableName=settings().runs_table,
            Item=item,
            ConditionExpression="attribute_not_exists(run_id) OR execution_arn = :mine",
            ExpressionAttributeValues={":mine": {"S": run.execution_arn}},
        )
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise
        raise DuplicateEvent(
            f"run {run.run_id} was claimed by another execution; nothing is left to do"
        ) from error


def find(run_id: str) -> RunRow | None:
    """The row of a run, as last written."""
    found = client("dynamodb").get_item(
        TableName=settings().runs_table, Key={"run_id": {"S": run_id}}, ConsistentRead=True
    )
    return _row(found["Item"]) if "Item" in found else None


def find_by_execution(execution_arn: str) -> RunRow | None:
    """The run that an execution claimed, if it has claimed one."""
    row = next(_query("by_execution", "execution_arn", execution_arn), None)
    return row and find(row.run_id)


def runs_of_spec(spec_key: str) -> Iterator[RunRow]:
    """Every run of a spec, the newest first."""
    return _query("by_spec", "spec_key", spec_key, ScanIndexForward=False)


def all_runs() -> Iterator[RunRow]:
    """Every run there ever was. Turns lie in the same table and are left out."""
    pages = client("dynamodb").get_paginator("scan")
    for page in pages.paginate(
        TableName=settings().runs_table,
        ConsistentRead=True,
        FilterExpression="attribute_exists(spec_key)",
    ):
        yield from map(_row, page["Items"])


def live_at_endpoint(run: RunRef, endpoint_name: str) -> RunRow | None:
    """The other run of the spec whose model is in service at an endpoint.

    That run may have been promoted since this one looked at the endpoint.
    """
    found = (row for row in _others_in_charge(run) if row.endpoint_name == endpoint_name)
    return next(found, None)


def another_in_charge(run: RunRef) -> bool:
    """Whether another run's model is in service, at an endpoint or for batches."""
    return next(_others_in_charge(run), None) is not None


def in_charge(spec_key: str) -> RunRow | None:
    """The run whose model is in service for a spec, if there is one."""
    return next((row for row in runs_of_spec(spec_key) if row.in_charge), None)


def begin_promotion(run_id: str) -> bool:
    """Note that a run is about to put its model into service. Returns whether it still may."""
    return _decide(run_id, "committing_at", "attribute_not_exists(given_up_at)", now())


def give_up(run_id: str, promotions_end: timedelta) -> bool:
    """Note that a run's model will not be put into service. Returns whether that is so.

    Args:
        promotions_end: After this time a promotion that has begun is over, whatever became of it.
    """
    moment = now()
    free = "attribute_not_exists(committing_at) OR committing_at < :since"
    return _decide(run_id, "given_up_at", free, moment, moment - promotions_end)


def forget_place_token(run_id: str, token: str) -> None:
    """Note that a run's token was answered, unless it asks with another one by now."""
    try:
        client("dynamodb").update_item(
            TableName=settings().runs_table,
            Key={"run_id": {"S": run_id}},
            UpdateExpression="REMOVE place_token",
            ConditionExpression="place_token = :token",
            ExpressionAttributeValues={":token": {"S": token}},
        )
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise


def _decide(
    run_id: str, column: str, condition: str, moment: datetime, since: datetime | None = None
) -> bool:
    """Set a moment on a condition. Returns whether that held."""
    values = {":now": moment} | ({} if since is None else {":since": since})
    try:
        client("dynamodb").update_item(
            TableName=settings().runs_table,
            Key={"run_id": {"S": run_id}},
            UpdateExpression=f"SET {column} = :now",
            ConditionExpression=condition,
            ExpressionAttributeValues=_serialized(values),
        )
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise
        return False
    return True


def update(run_id: str, **values: str | float | datetime | Sequence[str] | None) -> None:
    """Set columns of a run; None removes one."""
    unknown = values.keys() - RunRow.model_fields.keys()
    assert not unknown, f"the runs table has no {', '.join(sorted(unknown))}"
    names = {f"#{name}": name for name in values}
    kept = {f":{name}": value for name, value in values.items() if value is not None}
    sets = ", ".join(f"#{name} = :{name}" for name, value in values.items() if value is not None)
    removes = ", ".join(f"#{name}" for name, value in values.items() if value is None)
    expression = " ".join(
        part for part in (f"SET {sets}" * bool(sets), f"REMOVE {removes}" * bool(removes)) if part
    )
    request: dict[str, Any] = {
        "TableName": settings().runs_table,
        "Key": {"run_id": {"S": run_id}},
        "UpdateExpression": expression,
        "ExpressionAttributeNames": names,
    }
    if kept:
        request["ExpressionAttributeValues"] = _serialized(kept)
    client("dynamodb").update_item(**request)


def _others_in_charge(run: RunRef) -> Iterator[RunRow]:
    return (row for row in runs_of_spec(run.spec_key) if row.live and row.run_id != run.run_id)


def _query(index: str, attribute: str, value: str, **options: Any) -> Iterator[RunRow]:
    pages = client("dynamodb").get_paginator("query")
    for page in pages.paginate(
        TableName=settings().runs_table,
        IndexName=index,
        KeyConditionExpression="#key = :value",
        ExpressionAttributeNames={"#key": attribute},
        ExpressionAttributeValues={":value": {"S": value}},
        **options,
    ):
        yield from map(_row, page["Items"])


def _row(item: dict[str, Any]) -> RunRow:
    read = TypeDeserializer().deserialize
    return RunRow.model_validate({name: read(value) for name, value in item.items()})


def _serialized(values: dict[str, Any]) -> dict[str, Any]:
    write = TypeSerializer().serialize
    return {name: write(_storable(value)) for name, value in values.items() if value is not None}


def _storable(value: Any) -> Any:
    """As DynamoDB takes it: neither a float nor a moment."""
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, tuple):
        return list(value)
    return written(value) if isinstance(value, datetime) else value
