"""What a worker tells the home execution that waits: it lives, it is done, it has failed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel

from lambdas.aws.bucket import Bucket
from lambdas.aws.clients import client, error_code, is_unreachable
from stratos.errors import HomeUnreachable, NoLongerAwaited
from stratos.pipeline.steps import JobFailure
from stratos.pipeline.worker_jobs import Home

_PULSE_SECONDS = 60.0
_GONE = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")
_CAUSE_CHARACTERS = 32_000
"""Step Functions takes 32,768."""
_FAILED_JOB = "States.TaskFailed"
"""What `.sync` raises for a job that failed; the described job is its cause."""
_LEFT_OUT = ("ResponseMetadata", "FinalMetricDataList", "SecondaryStatusTransitions")


def heartbeat(home: Home) -> None:
    """Tell home that the job is alive.

    Raises:
        NoLongerAwaited: nobody waits for it any more.
        HomeUnreachable: home does not answer.
    """
    if not _tell(home, "send_task_heartbeat"):
        raise NoLongerAwaited("the home execution does not wait for this job any more")


def succeed(home: Home, job: Mapping[str, Any]) -> bool:
    """Answer with a described job that completed. Returns whether anybody waited for it.

    Raises:
        HomeUnreachable: home does not answer.
    """
    return _tell(home, "send_task_success", output=_as_sync_tells(job))


def answer(home: Home, told: BaseModel) -> bool:
    """The same with something else than a job."""
    return _tell(home, "send_task_success", output=told.model_dump_json())


def fail(home: Home, job: Mapping[str, Any]) -> bool:
    """The same for a job that failed or was stopped."""
    return refuse(home, JobFailure(Error=_FAILED_JOB, Cause=_as_sync_tells(job)))


def refuse(home: Home, failure: JobFailure) -> bool:
    """The same for a job of which there is no description."""
    cause = failure.Cause[:_CAUSE_CHARACTERS]
    return _tell(home, "send_task_failure", error=failure.Error[:256], cause=cause)


@dataclass
class Pulse:
    """A heartbeat now and then, between the copies of one call."""

    home: Home
    _last: float = field(default=float("-inf"))
    _failed: NoLongerAwaited | HomeUnreachable | None = None

    def __call__(self) -> None:
        """Tell home that the job is alive, unless that was done lately.

        Raises:
            NoLongerAwaited: nobody waits for it any more.
            HomeUnreachable: home does not answer.
        """
        if self._failed is not None:  # for the copies that go on at the same time
            raise self._failed
        if time.monotonic() - self._last < _PULSE_SECONDS:
            return
        self._last = time.monotonic()
        try:
            heartbeat(self.home)
        except (NoLongerAwaited, HomeUnreachable) as error:
            self._failed = error
            raise


def _tell(home: Home, operation: str, **told: str) -> bool:
    try:
        if _is_taken(home, home.task_token, operation, told):
            return True
        newer = _newer_token(home)
        return newer is not None and _is_taken(home, newer, operation, told)
    except (BotoCoreError, ClientError) as error:
        if is_unreachable(error):
            raise HomeUnreachable(f"{home.region} does not answer: {error}") from error
        raise


def _is_taken(home: Home, token: str, operation: str, told: Mapping[str, str]) -> bool:
    """Tell home something, and return whether anybody waits for it by this token."""
    states = client("stepfunctions", home.region)
    try:
        getattr(states, operation)(taskToken=token, **told)
    except ClientError as error:
        if error_code(error) in _GONE:
            return False
        raise
    return True


def _newer_token(home: Home) -> str | None:
    """By which home waits since it handed the endpoint over again; None if it has not."""
    if home.token_key is None:
        return None
    try:
        token = Bucket(home.bucket, home.region).read(home.token_key).decode()
    except FileNotFoundError:
        return None
    return None if token == home.task_token else token


def _as_sync_tells(job: Mapping[str, Any]) -> str:
    told = {name: value for name, value in job.items() if name not in _LEFT_OUT}
    return json.dumps(told, default=_milliseconds)


def _milliseconds(moment: Any) -> int:
    assert isinstance(moment, datetime), f"{moment!r} is not described in JSON"
    return int(moment.timestamp() * 1000)
