"""Asynchronous invocations: queued, retried, and reported to where the function says.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.local.events.targets import Targets
from infra.local.host.cloud_key import Credentials
from infra.local.iam.sessions import region_of
from infra.local.lambda_.errors import TooManyRequestsError
from infra.local.lambda_.runtime_api import InvocationOutcome

RETRY_WAITS_SECONDS = (60.0, 120.0)
"""Between the attempts of an asynchronous invocation, as on AWS."""

THROTTLED_WAIT_SECONDS = 0.2

MAX_CONCURRENT_EVENTS = 32

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """One try at an event: what came of it and under which id the log has it."""

    request_id: str
    outcome: InvocationOutcome
    executed_version: str


@dataclass(frozen=True)
class AsyncConfiguration:
    """Retries and destinations of a function's asynchronous invocations."""

    function_arn: str
    caller: Credentials
    max_retries: int = len(RETRY_WAITS_SECONDS)
    max_age_seconds: float = 21600.0
    on_success: str | None = None
    on_failure: str | None = None
    dead_letter_arn: str | None = None

    @classmethod
    def of(cls, function: Any, caller: Credentials) -> AsyncConfiguration:
        """Read moto's record of the function; a later EventInvokeConfig replaces an earlier.

        `caller` is the function's role: destinations are told by its rights.
        """
        configs = function.event_invoke_config
        config = configs[-1].config if configs else {}
        destinations = config.get("DestinationConfig") or {}
        dead_letter = function.dead_letter_config or {}
        return cls(
            function_arn=function.function_arn,
            caller=caller,
            max_retries=config.get("MaximumRetryAttempts", cls.max_retries),
            max_age_seconds=config.get("MaximumEventAgeInSeconds", cls.max_age_seconds),
            on_success=(destinations.get("OnSuccess") or {}).get("Destination"),
            on_failure=(destinations.get("OnFailure") or {}).get("Destination"),
            dead_letter_arn=dead_letter.get("TargetArn"),
        )


class AsyncInvocations:
    """A bounded pool of workers; an event waits its turn rather than blocking its sender."""

    def __init__(self, targets: Targets, retry_waits_seconds: tuple[float, ...]) -> None:
        self._targets = targets
        self._retry_waits_seconds = retry_waits_seconds
        self._closing = threading.Event()
        self._workers = ThreadPoolExecutor(MAX_CONCURRENT_EVENTS, "lambda-event")

    def submit(
        self,
        payload: bytes,
        configuration: AsyncConfiguration,
        invoke: Callable[[], Attempt],
        settled: Callable[[], None],
    ) -> None:
        """Run `invoke` soon, again when it fails, tell the destinations, then call `settled`."""
        self._workers.submit(self._run, payload, configuration, invoke, settled)

    def close(self) -> None:
        """Drop what waits; what runs ends when its sandbox does. None of it is settled."""
        self._closing.set()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _run(
        self,
        payload: bytes,
        configuration: AsyncConfiguration,
        invoke: Callable[[], Attempt],
        settled: Callable[[], None],
    ) -> None:
        try:
            outcome = self._attempt_until_settled(configuration, invoke)
            if outcome is None:
                return
            self._report(payload, configuration, *outcome)
        except Exception:
            if self._closing.is_set():
                return
            logger.exception("An event for %s was lost", configuration.function_arn)
        settled()

    def _attempt_until_settled(
        self, configuration: AsyncConfiguration, invoke: Callable[[], Attempt]
    ) -> tuple[Attempt, str, int] | None:
        """The last attempt, why it was the last, and how many there were; None when closing."""
        begun = time.monotonic()
        count = 0
        while True:
            try:
                attempt = invoke()
            except TooManyRequestsError:  # waits its turn; no attempt was made
                if self._closing.wait(THROTTLED_WAIT_SECONDS):
                    return None
                continue
            count += 1
            if attempt.outcome.error_type is None:
                return attempt, "Success", count
            if self._closing.is_set():
                return None  # its process was ended, which is no fault of the function
            if count > configuration.max_retries:
                return attempt, "RetriesExhausted", count
            wait = self._retry_waits_seconds[min(count, len(self._retry_waits_seconds)) - 1]
            if time.monotonic() + wait - begun > configuration.max_age_seconds:
                return attempt, "EventAgeExceeded", count
            if self._closing.wait(wait):
                return None

    def _report(
        self,
        payload: bytes,
        configuration: AsyncConfiguration,
        attempt: Attempt,
        condition: str,
        count: int,
    ) -> None:
        record = _record(payload, configuration, attempt, condition, count)
        succeeded = condition == "Success"
        destination = configuration.on_success if succeeded else configuration.on_failure
        if destination:
            self._targets.deliver(
                destination,
                _addressed(record, destination, condition),
                caller=configuration.caller,
                region=region_of(configuration.function_arn),
            )
        if not succeeded and configuration.dead_letter_arn:
            reasons = {
                "RequestID": attempt.request_id,
                "ErrorCode": "200",
                "ErrorMessage": json.dumps(record["responsePayload"])[:1024],
            }
            self._targets.send_dead_letter(
                configuration.caller, configuration.dead_letter_arn, payload.decode(), reasons
            )


def _record(
    payload: bytes,
    configuration: AsyncConfiguration,
    attempt: Attempt,
    condition: str,
    count: int,
) -> dict[str, Any]:
    """The invocation record AWS sends to destinations."""
    response: dict[str, Any] = {"statusCode": 200, "executedVersion": attempt.executed_version}
    if attempt.outcome.error_type is not None:
        response["functionError"] = "Unhandled"
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": attempt.request_id,
            "functionArn": f"{configuration.function_arn}:{attempt.executed_version}",
            "condition": condition,
            "approximateInvokeCount": count,
        },
        "requestPayload": json.loads(payload or b"{}"),
        "responseContext": response,
        "responsePayload": json.loads(attempt.outcome.payload or b"null"),
    }


def _addressed(record: dict[str, Any], destination: str, condition: str) -> str:
    """An event bus gets the record as the detail of an event."""
    if ":event-bus/" not in destination:
        return json.dumps(record)
    result = "Success" if condition == "Success" else "Failure"
    return json.dumps(
        {
            "source": "lambda",
            "detail-type": f"Lambda Function Invocation Result - {result}",
            "time": record["timestamp"],
            "resources": [destination, record["requestContext"]["functionArn"]],
            "detail": record,
        }
    )
