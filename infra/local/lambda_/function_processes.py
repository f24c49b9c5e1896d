"""Lambda functions as processes, behind moto's `LambdaFunction.invoke`."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.awslambda.responses import LambdaResponse

from infra.local.events.targets import Targets
from infra.local.host.outbox import OUTBOX, Errand
from infra.local.host.patching import Patches
from infra.local.host.settings import ACCOUNT_ID, LocalSettings
from infra.local.iam.sessions import region_of
from infra.local.lambda_.async_invocations import (
    RETRY_WAITS_SECONDS,
    AsyncConfiguration,
    AsyncInvocations,
    Attempt,
)
from infra.local.lambda_.configuration import FunctionConfiguration
from infra.local.lambda_.errors import (
    InvalidRequestContentError,
    RequestTooLargeError,
    TooManyRequestsError,
)
from infra.local.lambda_.forgotten_properties import keep_forgotten_properties
from infra.local.lambda_.function_role import assume_role, may_log
from infra.local.lambda_.invocation_log import log_lines, write_log
from infra.local.lambda_.packages import keep_packages
from infra.local.lambda_.runtime_api import Invocation
from infra.local.lambda_.sandbox_pool import SandboxPool

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
MAX_EVENT_BYTES = 1024 * 1024
LOG_TAIL_BYTES = 4096
INVOCATION = "invocation"
"""The errand of an asynchronous invocation."""
LONGEST_WAIT_SECONDS = 45.0
"""For one of the invocations that this machine runs at once. AWS throttles at once, but has more
of them; whoever is throttled tries again. A state gives an invocation a minute beyond its own."""

log = logging.getLogger(__name__)


class FunctionProcesses:
    """Runs each function's package in its own processes, kept warm between invocations."""

    def __init__(self, retry_waits_seconds: tuple[float, ...] = RETRY_WAITS_SECONDS) -> None:
        self._retry_waits_seconds = retry_waits_seconds
        self._patches = Patches()
        self._lock = threading.Lock()
        self._running: dict[str, int] = defaultdict(int)
        """By ARN."""

    def install(self, settings: LocalSettings) -> None:
        self._pool = SandboxPool(settings)
        self._free = threading.BoundedSemaphore(settings.max_invocations)
        self._targets = Targets(settings)
        self._events = AsyncInvocations(self._targets, self._retry_waits_seconds)
        seam = self

        def invoke(
            function: Any,
            body: str | bytes | None,
            request_headers: Mapping[str, str],
            response_headers: MutableMapping[str, str],
        ) -> bytes:
            return seam._invoke(function, body, request_headers, response_headers)

        original_respond = LambdaResponse.invoke

        def respond(response: Any) -> Any:
            # moto looks for `qualifier`, which no client sends, and then inside the payload.
            response.querystring["qualifier"] = response.querystring.get("Qualifier", [None])
            return original_respond(response)

        OUTBOX.carries(INVOCATION, self._invoke_later)
        self._patches.replace(LambdaFunction, "invoke", invoke)
        keep_forgotten_properties(self._patches)
        directory = settings.state_dir.resolve() / "functions" / "packages"
        self._packages = keep_packages(self._patches, directory)
        self._patches.replace(LambdaResponse, "invoke", respond)

    def close(self) -> None:
        self._patches.restore()
        self._packages.close()
        self._targets.close()
        self._events.close()
        self._pool.close()
        OUTBOX.leave(INVOCATION)

    def _invoke(
        self,
        function: Any,
        body: str | bytes | None,
        request_headers: Mapping[str, str],
        response_headers: MutableMapping[str, str],
    ) -> bytes:
        """Answer one Invoke request, waiting for the function unless it is an event."""
        payload = (body.encode() if isinstance(body, str) else body) or b"{}"
        kind = request_headers.get("x-amz-invocation-type") or "RequestResponse"
        _check_payload(payload, MAX_EVENT_BYTES if kind == "Event" else MAX_PAYLOAD_BYTES)
        response_headers["x-amz-executed-version"] = FunctionConfiguration.of(function).version
        if kind == "DryRun":
            return b""
        if kind == "Event":
            assume_role(FunctionConfiguration.of(function))  # one that cannot be is refused now
            text = payload.decode("utf-8", "surrogateescape")
            OUTBOX.put(INVOCATION, {"arn": function.function_arn, "payload": text})
            return b""
        encoded = request_headers.get("x-amz-client-context")
        client_context = base64.b64decode(encoded).decode() if encoded else None
        attempt, log = self._attempt(function, payload, client_context)
        if attempt.outcome.error_type is not None:
            response_headers["x-amz-function-error"] = "Unhandled"
        tail = log.encode()[-LOG_TAIL_BYTES:]
        response_headers["x-amz-log-result"] = base64.b64encode(tail).decode()
        return attempt.outcome.payload

    def _invoke_later(self, errand: Errand) -> None:
        arn = errand.content["arn"]
        payload = errand.content["payload"].encode("utf-8", "surrogateescape")
        try:
            function = lambda_backends[ACCOUNT_ID][region_of(arn)].get_function(arn)
            caller = assume_role(FunctionConfiguration.of(function))
            configuration = AsyncConfiguration.of(function, caller.credentials())
        except Exception:  # taken up by a later start, which has the function no more
            log.exception("An event for %s was lost", arn)
            OUTBOX.strike(errand)
            return
        try:
            self._events.submit(
                payload,
                configuration,
                lambda: self._attempt(function, payload)[0],
                lambda: OUTBOX.strike(errand),
            )
        except RuntimeError:
            log.info("an event for %s came while closing: the next start takes it up", arn)

    def _attempt(
        self, function: Any, payload: bytes, client_context: str | None = None
    ) -> tuple[Attempt, str]:
        """Run the function once as it is configured now, and log it."""
        configuration = FunctionConfiguration.of(function)
        invocation = Invocation(
            payload, configuration.timeout_seconds, configuration.arn, client_context
        )
        with self._admitted(function):
            sandbox = self._pool.acquire(function, configuration)
            reusable = False
            try:
                record = sandbox.invoke(invocation)
                lines = log_lines(configuration, record)
                if may_log(assume_role(configuration), configuration, sandbox.log_stream):
                    write_log(function.logs_backend, configuration, sandbox.log_stream, lines)
                reusable = not record.outcome.fatal
            finally:
                self._pool.release(sandbox, reusable=reusable)
        attempt = Attempt(invocation.request_id, record.outcome, configuration.version)
        return attempt, "\n".join(lines) + "\n"

    @contextmanager
    def _admitted(self, function: Any) -> Iterator[None]:
        """Hold one of the function's reserved concurrent executions, and one of the account's."""
        arn, limit = function.function_arn, function.reserved_concurrency
        with self._lock:
            if limit is not None and self._running[arn] >= int(limit):
                raise TooManyRequestsError
            self._running[arn] += 1
        try:
            if not self._free.acquire(timeout=LONGEST_WAIT_SECONDS):
                raise TooManyRequestsError
            try:
                yield
            finally:
                self._free.release()
        finally:
            with self._lock:
                self._running[arn] -= 1


def _check_payload(payload: bytes, limit: int) -> None:
    if len(payload) > limit:
        raise RequestTooLargeError(len(payload), limit)
    try:
        json.loads(payload)
    except ValueError as error:
        raise InvalidRequestContentError(error) from error
