"""The Lambda Runtime API for one sandbox: what `awslambdaric` polls and answers.

Protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

from stratos.loopback import refusal

PREFIX = "/2018-06-01/runtime/"


@dataclass(frozen=True)
class InvocationOutcome:
    """What an invocation came to. `error_type` is set when the function failed."""

    payload: bytes
    error_type: str | None = None
    fatal: bool = False
    """The sandbox cannot serve another invocation."""

    @classmethod
    def failure(cls, request_id: str, error_type: str, message: str) -> InvocationOutcome:
        """A failure the platform reports for a function that could not."""
        body = {
            "errorType": error_type,
            "errorMessage": f"RequestId: {request_id} Error: {message}",
        }
        return cls(json.dumps(body).encode(), error_type, fatal=True)


@dataclass
class Invocation:
    """One request on its way through a sandbox.

    `outcome` resolves exactly once; `delivered` is set when the runtime took the request, which is
    when the function's timeout starts to run: initialization is not counted against it.
    """

    payload: bytes
    timeout_seconds: float
    function_arn: str
    client_context: str | None = None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    delivered: threading.Event = field(default_factory=threading.Event)
    outcome: Future[InvocationOutcome] = field(default_factory=Future)
    started: float = 0.0
    """`time.monotonic()` at delivery."""

    def resolve(self, outcome: InvocationOutcome) -> None:
        """Settle the invocation; what comes after the first outcome is dropped."""
        with contextlib.suppress(InvalidStateError):
            self.outcome.set_result(outcome)
        self.delivered.set()

    def headers(self) -> dict[str, str]:
        deadline_ms = int((time.time() + self.timeout_seconds) * 1000)
        root = uuid.uuid4().hex
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self.function_arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{root[:8]}-{root[8:]};Sampled=0",
        }
        if self.client_context:
            headers["Lambda-Runtime-Client-Context"] = self.client_context
        return headers


class RuntimeApi:
    """A server on its own port, because the runtime client is given an address and no path."""

    def __init__(self, host: str, on_delivery: Callable[[], None]) -> None:
        """`on_delivery` runs just before the runtime is given a request."""
        self._on_delivery = on_delivery
        self._requests: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._current: Invocation | None = None
        self._ended: Callable[[Invocation], InvocationOutcome] | None = None
        self._lock = threading.Lock()
        self._server = _Server((host, 0), self)
        self._host, self._port = host, self._server.server_address[1]
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="runtime-api", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"{self._host}:{self._port}"

    def submit(self, invocation: Invocation) -> None:
        """Hand the runtime its next request; only one is ever in flight."""
        with self._lock:
            ended = self._ended
            self._current = invocation
        if ended is not None:
            invocation.resolve(ended(invocation))
        else:
            self._requests.put(invocation)

    def end(self, outcome_of: Callable[[Invocation], InvocationOutcome]) -> None:
        """The runtime is gone, or never came up: this and every later invocation fails."""
        with self._lock:
            self._ended = self._ended or outcome_of
            current = self._current
        if current is not None:
            current.resolve(self._ended(current))

    def close(self) -> None:
        self._closing = True
        self._requests.put(None)
        # One last connection ends the blocking wait for the next.
        with contextlib.suppress(OSError):
            socket.create_connection((self._host, self._port)).close()
        self._thread.join()
        self._server.server_close()

    def _serve(self) -> None:
        while not self._closing:
            self._server.handle_request()

    def next_invocation(self) -> Invocation | None:
        """Block until there is a request; None when the sandbox is closing."""
        invocation = self._requests.get()
        if invocation is not None:
            self._on_delivery()
            invocation.started = time.monotonic()
            invocation.delivered.set()
        return invocation

    def settle(self, request_id: str, outcome: InvocationOutcome) -> bool:
        """Take the runtime's answer; False when it answers a request it does not hold."""
        with self._lock:
            current = self._current
        if current is None or current.request_id != request_id:
            return False
        current.resolve(outcome)
        return True


class _Server(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    timeout = None

    def __init__(self, address: tuple[str, int], api: RuntimeApi) -> None:
        super().__init__(address, _Handler)
        self.api = api

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed sandbox drops its connection: nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one segment

    def do_GET(self) -> None:
        if self._refuses():
            return
        if self.path != f"{PREFIX}invocation/next":
            self._answer(HTTPStatus.NOT_FOUND, b'{"errorType":"NotFound"}')
            return
        invocation = self.server.api.next_invocation()
        if invocation is None:
            self.close_connection = True
            return
        self._answer(HTTPStatus.OK, invocation.payload, invocation.headers())

    def do_POST(self) -> None:
        if self._refuses():
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = self.path.removeprefix(PREFIX).split("/")
        match parts:
            case ["init", "error"]:
                error = InvocationOutcome(body, self._error_type(body), fatal=True)
                self.server.api.end(lambda _: error)
                accepted = True
            case ["invocation", request_id, "response"]:
                accepted = self.server.api.settle(request_id, InvocationOutcome(body))
            case ["invocation", request_id, "error"]:
                error = InvocationOutcome(body, self._error_type(body))
                accepted = self.server.api.settle(request_id, error)
            case _:
                accepted = False
        if accepted:
            self._answer(HTTPStatus.ACCEPTED, b'{"status":"OK"}')
        else:
            self._answer(HTTPStatus.BAD_REQUEST, b'{"errorType":"InvalidRequestID"}')

    def _refuses(self) -> bool:
        """Whether a web page asks: it would take the function's requests, or answer them."""
        why = refusal({name.lower(): value for name, value in self.headers.items()})
        if why is not None:
            self.close_connection = True
            body = {"errorType": "Forbidden", "errorMessage": why}
            self._answer(HTTPStatus.FORBIDDEN, json.dumps(body).encode())
        return why is not None

    def _error_type(self, body: bytes) -> str:
        declared = self.headers.get("Lambda-Runtime-Function-Error-Type")
        try:
            error = json.loads(body)
        except ValueError:
            error = {}
        named = error.get("errorType") if isinstance(error, dict) else None
        return str(named or declared or "Runtime.Unknown")

    def _answer(
        self, status: HTTPStatus, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {"Content-Type": "application/json"}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """The function's own log is the record; access lines are noise."""
