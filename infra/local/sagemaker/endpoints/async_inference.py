"""Asynchronous inference: requests that wait in a queue, and answers that are put in the bucket.

https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import urllib3
from botocore.exceptions import ClientError

from infra.local.host.clients import BackgroundClients
from infra.local.iam.sessions import Session
from infra.local.sagemaker.api import Placed
from infra.local.sagemaker.model_server import ModelServer

DEFAULT_TIMEOUT_SECONDS = 900.0
_DEFAULT_CONCURRENCY = 4
"""SageMaker chooses a figure of its own where a configuration gives none."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class QueuedRequest:
    """One request: where its body lies, and where what comes of it goes.

    `session` is that of the model's role, by whose rights both are read and written.
    """

    endpoint: Placed
    input_uri: str
    output_uri: str
    failure_uri: str | None
    session: Session
    headers: Mapping[str, str]
    timeout_seconds: float


class InferenceQueues:
    """A queue for each endpoint, worked off by as many threads as its configuration allows."""

    def __init__(self, route: Callable[[Placed, str | None], ModelServer | None]) -> None:
        self._route = route
        self._lock = threading.Lock()
        self._workers: dict[Placed, ThreadPoolExecutor] = {}
        self._closing = threading.Event()
        self._clients: BackgroundClients | None = None

    def install(self, clients: BackgroundClients) -> None:
        self._clients = clients

    def close(self) -> None:
        """Drop what waits; what is under way ends with its server."""
        self._closing.set()
        with self._lock:
            workers = list(self._workers.values())
            self._workers.clear()
        for pool in workers:
            pool.shutdown(wait=False, cancel_futures=True)

    def put(self, request: QueuedRequest, config: Mapping[str, Any]) -> None:
        """Add a request; it is answered in its turn, whatever becomes of the fleet meanwhile."""
        client = config.get("ClientConfig") or {}
        size = int(client.get("MaxConcurrentInvocationsPerInstance") or _DEFAULT_CONCURRENCY)
        with self._lock:
            pool = self._workers.get(request.endpoint)
            if pool is None:
                pool = ThreadPoolExecutor(size, f"queue-{request.endpoint.name}")
                self._workers[request.endpoint] = pool
            pool.submit(self._work, request)

    def _work(self, request: QueuedRequest) -> None:
        try:
            self._settle(request)
        except Exception:  # a role that may not write the failure either is one
            if not self._closing.is_set():
                logger.exception("A request to %s was lost", request.endpoint.name)

    def _settle(self, request: QueuedRequest) -> None:
        try:
            answer = self._answer(request)
            self._write(request, request.output_uri, answer.data)
        except (ClientError, LookupError, urllib3.exceptions.HTTPError) as error:
            if self._closing.is_set():
                return
            logger.warning("A request to %s failed: %s", request.endpoint.name, error)
            if request.failure_uri is not None:
                self._write(request, request.failure_uri, str(error).encode())

    def _answer(self, request: QueuedRequest) -> urllib3.BaseHTTPResponse:
        """What the model answers.

        Raises:
            ClientError: the body cannot be read.
            LookupError: the endpoint is not in service, or its model refused the request.
            HTTPError: the model did not answer in time.
        """
        body = self._read(request)
        server = self._route(request.endpoint, None)
        if server is None:
            raise LookupError(f"Endpoint {request.endpoint.name} is not in service.")
        begun = time.monotonic()
        failed = True
        try:
            answer = server.post(body, request.headers, timeout_seconds=request.timeout_seconds)
            failed = answer.status >= 500
        finally:
            server.observations.add(failed=failed, seconds=time.monotonic() - begun)
            server.leave()
        if not 200 <= answer.status < 300:
            text = answer.data.decode(errors="replace")
            raise LookupError(f'Received error ({answer.status}) from primary: "{text}"')
        return answer

    def _read(self, request: QueuedRequest) -> bytes:
        bucket, _, key = request.input_uri.removeprefix("s3://").partition("/")
        body: bytes = self._s3(request).get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def _write(self, request: QueuedRequest, uri: str, body: bytes) -> None:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        self._s3(request).put_object(Bucket=bucket, Key=key, Body=body)

    def _s3(self, request: QueuedRequest) -> Any:
        assert self._clients is not None
        clients = self._clients.in_region(request.endpoint.region)
        return clients.acting(request.session.credentials()).s3
