"""The item of the runs table that holds the queue, changed by one function at a time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from botocore.exceptions import ClientError

from lambdas.aws.clients import client, error_code
from lambdas.aws.settings import settings
from stratos.contracts.run_queue import QUEUE_KEY, RunQueue

_TRIES = 40
_LONGEST_WAIT_SECONDS = 1.0


def change(changed: Callable[[RunQueue], RunQueue]) -> RunQueue:
    """Apply a change to the queue as it is now, and return what it has become.

    Raises:
        ClientError: others changed it each time before this change was written.
    """
    for number in range(_TRIES):
        queue, version = _read()
        after = changed(queue)
        if after == queue:
            return queue
        try:
            _write(after, version)
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException" or number == _TRIES - 1:
                raise
            time.sleep(random.uniform(0, min(_LONGEST_WAIT_SECONDS, 0.02 * 2**number)))
        else:
            return after
    raise AssertionError("the last try returns or raises")


def _read() -> tuple[RunQueue, int]:
    found = client("dynamodb").get_item(**_item(), ConsistentRead=True).get("Item")
    if found is None:
        return RunQueue(), 0
    queue = RunQueue.of_item({"queue": found["queue"]["S"]})
    return queue, int(found["queue_version"]["N"])


def _write(queue: RunQueue, version: int) -> None:
    values = {
        ":queue": {"S": queue.model_dump_json()},
        ":next": {"N": str(version + 1)},
    }
    condition = "attribute_not_exists(queue_version)"
    if version:
        condition, values[":read"] = "queue_version = :read", {"N": str(version)}
    client("dynamodb").update_item(
        **_item(),
        UpdateExpression="SET queue = :queue, queue_version = :next",
        ConditionExpression=condition,
        ExpressionAttributeValues=values,
    )


def _item() -> dict[str, object]:
    key = {name: {"S": value} for name, value in QUEUE_KEY.items()}
    return {"TableName": settings().runs_table, "Key": key}
