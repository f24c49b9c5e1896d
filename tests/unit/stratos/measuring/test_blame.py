"""Failures of a model told from those of its server."""

from __future__ import annotations

import pytest

from stratos.measuring.blame import blames_model, wrote_no_text

NO_TEXT = (
    "ClientError: 1 of 1 objects failed. q.jsonl: Bad HTTP response from the model, status 500: "
    "The model produced output that does not match the expected peg-native format"
)


@pytest.mark.parametrize(
    "reason",
    [
        NO_TEXT,
        "Bad HTTP response from the model, status 400: the request exceeds the context size",
        "Bad HTTP status received from algorithm: 500",
        'Received error (500) from primary: "no weights"',
        'Received server error (500) from primary with message "no weights"',
        "The container of variant v ended while it was in service (exit code: 1). Its log ends: x",
        "ended (killed by signal 11 (SIGSEGV), exit code: 139)",
    ],
)
def test_an_error_that_the_container_answered_or_ended_by_is_the_models(reason: str) -> None:
    assert blames_model(reason)


@pytest.mark.parametrize(
    "reason",
    [
        "CapacityError: Unable to provision requested ML compute capacity",
        "SageMaker.ResourceLimitExceededException: the quota is 0",
        "Bad HTTP response from the model, status 503: busy",
        "Bad HTTP response from the model, status 500: out of memory",
        "ended while it was in service (killed by signal 9 (SIGKILL), exit code: 137)",
        "Received server error (0) from primary: Your invocation timed out",
        "States.Timeout: a state of the execution exceeded its time limit",
        "InternalServerError: We encountered an internal error. Please try again",
        "Endpoint stratos-tiles is not in service.",
        "ClientError: See job logs for more information",
    ],
)
def test_want_of_room_or_time_is_the_servers_and_so_is_what_nobody_explains(reason: str) -> None:
    assert not blames_model(reason)


def test_an_answer_that_is_no_text_is_recognised() -> None:
    assert wrote_no_text(NO_TEXT)
    assert not wrote_no_text("status 500: no weights")
