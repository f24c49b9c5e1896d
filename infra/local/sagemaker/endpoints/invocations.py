"""SageMaker Runtime: requests to an endpoint passed on to its server and back."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import urllib3
from moto.sagemaker import urls as sagemaker_urls
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

from infra.local.host.clients import BackgroundClients
from infra.local.host.patching import Patches
from infra.local.host.settings import ACCOUNT_ID
from infra.local.iam.sessions import Session
from infra.local.sagemaker.api import Placed
from infra.local.sagemaker.endpoints.async_inference import (
    DEFAULT_TIMEOUT_SECONDS,
    InferenceQueues,
    QueuedRequest,
)
from infra.local.sagemaker.endpoints.event_stream import CONTENT_TYPE, payload_part, stream_error
from infra.local.sagemaker.model_server import ModelServer

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
_RESPONSE_SECONDS = 60.0
_STREAM_SECONDS = 480.0
"""How long a container may take over a response, and over one that it streams."""
_STREAM_PATH = "{0}/endpoints/(?P<name>[^/]+)/invocations-response-stream$"
_ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
_VARIANT = "x-Amzn-Invoked-Production-Variant"
_TARGET = "X-Amzn-SageMaker-Target-Variant"
_COMPONENT = "X-Amzn-SageMaker-Inference-Component"
_PASSED_ON = ("Content-Type", "Accept", _ATTRIBUTES)

_INPUT = "X-Amzn-SageMaker-InputLocation"
_ASYNC_TYPES = {
    "Content-Type": "X-Amzn-SageMaker-Content-Type",
    "Accept": "X-Amzn-SageMaker-Accept",
    _ATTRIBUTES: _ATTRIBUTES,
}
"""Headers for the model, by the headers of an asynchronous call that hold them."""

Router = Callable[[Placed, str | None], ModelServer | None]
"""From an endpoint and a target variant to a server entered, or None."""
QueueOf = Callable[[Placed], Mapping[str, Any] | None]
"""From an endpoint to its AsyncInferenceConfig, or None where it has none."""
ComponentRouter = Callable[[Placed, str | None], ModelServer | str | None]
"""From the names of an endpoint and a component to a server entered, or a refusal in words, or
None where the endpoint is not one of components."""
SessionOf = Callable[[Placed], Session]
"""From an endpoint to the session of its model's role."""
Reply = tuple[int, dict[str, str], Any]


class Invocations:
    """Answers the three ways to invoke an endpoint from real servers."""

    def __init__(
        self, route: Router, queue_of: QueueOf, component: ComponentRouter, role_of: SessionOf
    ) -> None:
        self._route = route
        self._role_of = role_of
        self._component = component
        self._queue_of = queue_of
        self._queues = InferenceQueues(route)
        self._patches = Patches()

    def install(self, clients: BackgroundClients) -> None:
        self._queues.install(clients)

        def invoke_endpoint(response: Any) -> Reply:
            return self._invoke(response)

        def invoke_endpoint_with_response_stream(response: Any) -> Reply:
            return self._stream(response)

        def invoke_endpoint_async(response: Any) -> Reply:
            return self._queue(response)

        patches, owner = self._patches, SageMakerRuntimeResponse
        patches.replace(owner, "invoke_endpoint", invoke_endpoint)
        patches.replace(owner, "invoke_endpoint_async", invoke_endpoint_async)
        patches.replace(owner, "use_raw_body", True)  # a payload need not be UTF-8
        owner.invoke_endpoint_with_response_stream = invoke_endpoint_with_response_stream
        # moto's server takes only paths that end in "invocations" for the runtime's.
        paths = {**sagemaker_urls.url_paths, _STREAM_PATH: owner.dispatch}
        patches.replace(sagemaker_urls, "url_paths", paths)

    def restore(self) -> None:
        self._queues.close()
        self._patches.restore()
        if "invoke_endpoint_with_response_stream" in vars(SageMakerRuntimeResponse):
            del SageMakerRuntimeResponse.invoke_endpoint_with_response_stream

    def _invoke(self, response: Any) -> Reply:
        server = self._enter(response)
        if not isinstance(server, ModelServer):
            return server
        begun, failed = time.monotonic(), True
        try:
            answer = server.post(
                response.body, _passed_on(response), timeout_seconds=_RESPONSE_SECONDS
            )
            failed = answer.status >= 500
        except urllib3.exceptions.HTTPError as error:
            return _model_error(response, server, 0, _unanswered(error))
        finally:
            server.observations.add(failed=failed, seconds=time.monotonic() - begun)
            server.leave()
        if not 200 <= answer.status < 300:
            return _model_error(
                response, server, answer.status, answer.data.decode(errors="replace")
            )
        headers = _reply_headers(server, answer.headers)
        headers["Content-Type"] = answer.headers.get("Content-Type", "application/octet-stream")
        return _reply(200, headers, answer.data)

    def _stream(self, response: Any) -> Reply:
        server = self._enter(response)
        if not isinstance(server, ModelServer):
            return server
        begun = time.monotonic()
        try:
            answer = server.post(
                response.body,
                _passed_on(response),
                timeout_seconds=_STREAM_SECONDS,
                preload=False,
            )
        except urllib3.exceptions.HTTPError as error:
            server.leave()
            return _model_error(response, server, 0, _unanswered(error))
        server.observations.add(failed=answer.status >= 500, seconds=time.monotonic() - begun)
        if not 200 <= answer.status < 300:
            text = answer.read().decode(errors="replace")
            server.leave()
            return _model_error(response, server, answer.status, text)
        headers = _reply_headers(server, answer.headers)
        headers["Content-Type"] = CONTENT_TYPE
        headers["X-Amzn-SageMaker-Content-Type"] = answer.headers.get("Content-Type", "")
        return _reply(200, headers, _EventStream(answer, server))

    def _enter(self, response: Any) -> ModelServer | Reply:
        """The server for a request, counted as busy, or the refusal of the request."""
        if len(response.body) > MAX_PAYLOAD_BYTES:
            message = f"HTTP content length exceeded {MAX_PAYLOAD_BYTES} bytes."
            return _error(413, "PayloadTooLarge", {"Message": message})
        place = _endpoint(response)
        name = place.name
        if self._queue_of(place) is not None:
            message = f"Endpoint {name} is asynchronous; use InvokeEndpointAsync."
            return _error(400, "ValidationError", {"Message": message})
        in_component = self._component(place, response.headers.get(_COMPONENT))
        if isinstance(in_component, str):
            return _error(400, "ValidationError", {"Message": in_component})
        if in_component is not None:
            return in_component
        target = response.headers.get(_TARGET)
        server = self._route(place, target)
        if server is None:
            what = f"Variant {target} of endpoint {name}" if target else f"Endpoint {name}"
            message = f"{what} of account {ACCOUNT_ID} not found."
            return _error(400, "ValidationError", {"Message": message})
        limit = server.max_concurrency
        if limit is not None and server.in_flight > limit:
            server.leave()
            message = f"Rate exceeded: endpoint {name} answers {limit} requests at once."
            return _error(400, "ThrottlingException", {"Message": message})
        return server

    def _queue(self, response: Any) -> Reply:
        """Take a request whose answer is fetched later."""
        place, headers = _endpoint(response), response.headers
        config = self._queue_of(place)
        if config is None:
            message = (
                f"Endpoint {place.name} of account {ACCOUNT_ID} is not an asynchronous endpoint."
            )
            return _error(400, "ValidationError", {"Message": message})
        output, answer_id = config["OutputConfig"], uuid.uuid4().hex
        failures = output.get("S3FailurePath")
        request = QueuedRequest(
            endpoint=place,
            input_uri=headers[_INPUT],
            output_uri=f"{output['S3OutputPath'].rstrip('/')}/{answer_id}.out",
            failure_uri=f"{failures.rstrip('/')}/{answer_id}-error.out" if failures else None,
            session=self._role_of(place),
            headers={
                ours: headers[theirs] for ours, theirs in _ASYNC_TYPES.items() if theirs in headers
            },
            timeout_seconds=float(
                headers.get("X-Amzn-SageMaker-InvocationTimeoutSeconds") or DEFAULT_TIMEOUT_SECONDS
            ),
        )
        self._queues.put(request, config)
        located = {"X-Amzn-SageMaker-OutputLocation": request.output_uri}
        if request.failure_uri is not None:
            located["X-Amzn-SageMaker-FailureLocation"] = request.failure_uri
        given_id = headers.get("X-Amzn-SageMaker-Inference-Id") or answer_id
        return _reply(202, located, json.dumps({"InferenceId": given_id}))


class _EventStream:
    """Frames a container's response piece by piece as it comes.

    A class, not a generator, because the server must learn of the end even when the client goes
    away before the first piece is asked for.
    """

    def __init__(self, answer: urllib3.BaseHTTPResponse, server: ModelServer) -> None:
        self._answer = answer
        self._server: ModelServer | None = server
        self._chunks = (
            answer.read_chunked() if answer.chunked else iter(lambda: answer.read1(), b"")
        )

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._server is None:
            raise StopIteration
        try:
            return payload_part(next(self._chunks))
        except StopIteration:
            self._answer.release_conn()
            self._leave()
            raise
        except urllib3.exceptions.HTTPError as error:
            self.close()
            return stream_error(_unanswered(error))

    def close(self) -> None:
        """Called by the WSGI server at the end, however it comes."""
        if self._server is not None:
            self._answer.close()
            self._leave()

    def _leave(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.leave()


def _passed_on(response: Any) -> dict[str, str]:
    return {name: response.headers[name] for name in _PASSED_ON if name in response.headers}


def _endpoint(response: Any) -> Placed:
    return Placed(response.region, str(response.path.split("/")[2]))


def _reply_headers(server: ModelServer, answered: Mapping[str, str]) -> dict[str, str]:
    headers = {_VARIANT: server.variant_name}
    if _ATTRIBUTES in answered:
        headers[_ATTRIBUTES] = answered[_ATTRIBUTES]
    return headers


def _model_error(response: Any, server: ModelServer, status: int, text: str) -> Reply:
    """ModelError, as SageMaker words what its container answered (0: it did not)."""
    kind = "client" if 400 <= status < 500 else "server"
    log = server.log
    where = f"{log.group} in account {ACCOUNT_ID}"
    return _error(
        424,
        "ModelError",
        {
            "Message": (
                f'Received {kind} error ({status}) from primary with message "{text}". See the '
                f"log group {where} for more information."
            ),
            "OriginalStatusCode": status,
            "OriginalMessage": text,
            "LogStreamArn": (
                f"arn:aws:logs:{response.region}:{ACCOUNT_ID}"
                f":log-group:{log.group}:log-stream:{log.stream}"
            ),
        },
    )


def _unanswered(error: urllib3.exceptions.HTTPError) -> str:
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return "Your invocation timed out while waiting for a response from container primary."
    return f"The container did not answer: {error}"


def _error(status: int, code: str, body: Mapping[str, Any]) -> Reply:
    headers = {"Content-Type": "application/json", "x-amzn-errortype": code}
    return _reply(status, headers, json.dumps(body))


def _reply(status: int, headers: dict[str, str], body: Any) -> Reply:
    # moto takes the status from this header and ignores the first element.
    return status, {**headers, "status": str(status)}, body
