"""CleanUp, called once more for a run that has ended and still has a turn; then the turn is free.

An execution that was stopped runs no further state, and the event of its end calls CleanUp three
times at most. SageMaker may take longer to settle, or refuse for good.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from lambdas.aws import executions, runs_table
from lambdas.aws.clients import client
from lambdas.aws.settings import settings
from lambdas.serving import turns
from lambdas.step import logger
from stratos.moment import to_the_second

TRIES = timedelta(minutes=55)
"""Time for three calls of 15 minutes at most, and the waits of one and two minutes between."""


def retry(now: datetime) -> list[str]:
    """Call CleanUp for every run that has ended and still has a turn, or free the turn.

    Returns:
        What failed, one line for each turn.
    """
    failed = []
    for turn in turns.all_held():
        try:
            _retry(turn, now)
        except ClientError as error:
            failed.append(f"turn of run {turn.run_id} at {turn.endpoint_name}: {error}")
    return failed


def _retry(turn: turns.Turn, now: datetime) -> None:
    row = runs_table.find(turn.run_id)
    if row is None:
        turns.give_back(turn.run_id, turn.endpoint_name)
        return
    end = executions.end_of(row.execution_arn)
    if end is None:
        return
    begun = turn.tried_at or end.at
    if begun is not None and begun + TRIES > now:
        return  # CleanUp may still be running
    if turn.tried_at is None:
        turns.mark_tried(turn, to_the_second(now))
        client("lambda").invoke(
            FunctionName=settings().names.function("clean_up"),
            InvocationType="Event",
            Payload=json.dumps({"event": {"detail": end.detail}}),
        )
        return
    logger.error(
        "a turn is free though its run's leftovers could not be taken back",
        extra={"run_id": turn.run_id, "endpoint_name": turn.endpoint_name},
    )
    turns.give_back(turn.run_id, turn.endpoint_name)
