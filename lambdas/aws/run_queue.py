"""The item of the runs table that holds the queue, changed by one function at a time."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws.clients import client, error_code, may_pass
from lambdas.aws.settings import settings
from stratos.contracts.run_queue import QUEUE_KEY, RunQueue
from stratos.errors import QueueBusy

_LONGEST_WAIT_SECONDS = 1.0
_CONTENDED = "ConditionalCheckFailedException"


def read() -> RunQueue:
    """The queue as it is now."""
    return _read()[0]


def change(changed: Callable[[RunQueue], RunQueue], deadline: float) -> RunQueue:
    """Apply a change to the queue as it is now, and return what it has become.

    A write whose answer was lost is found to be done by the next look.

    Args:
        deadline: On the monotonic clock; it is tried at least once.

    Raises:
        QueueBusy: others changed it each time before this change was written, or the table
            throttled every call.
    """
    for number in itertools.count():
        try:
            queue, version = _read()
            after = changed(queue)
            if after != queue:
                _write(after, version)
        except (BotoCoreError, ClientError) as error:
            if error_code(error) != _CONTENDED and not may_pass(error):
                raise
            if time.monotonic() > deadline:
                raise QueueBusy(f"the queue of runs could not be changed: {error}") from error
            time.sleep(random.uniform(0, min(_LONGEST_WAIT_SECONDS, 0.02 * 2 ** min(number, 9))))
        else:
            return after
    raise AssertionError("it returns or raises")


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
