"""The HTTP face: `/ping`, `/invocations`, `/v1/chat/completions`, `/v1/models`, `/metrics`."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any, TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from serving.completion import Completion, End, Piece
from serving.engine import Engine, QueueFull
from serving.loader import LoadedModel
from serving.metrics import Metrics
from serving.schema import ChatRequest, InvocationRequest, PlainRequest

Model = TypeVar("Model", bound=BaseModel)

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
"""SageMaker's own limit for a real-time invocation."""


class Refused(Exception):
    """A request answered with an error body in the OpenAI shape."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"message": message, "type": kind, "param": None, "code": status}}


class Server:
    """Answers requests with one model."""

    def __init__(
        self, model: LoadedModel, engine: Engine, *, request_timeout_seconds: float = 55.0
    ) -> None:
        # SageMaker gives up on an invocation after 60 s; ours ends first and says why.
        self._model = model
        self._engine = engine
        self._timeout = request_timeout_seconds
        self._metrics = Metrics(engine)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/ping", self.ping),
                Route("/invocations", self.invocations, methods=["POST"]),
                Route("/v1/chat/completions", self.chat_completions, methods=["POST"]),
                Route("/v1/models", self.models),
                Route("/metrics", self.metrics),
            ],
            exception_handlers={Refused: _refuse},
        )

    async def ping(self, _: Request) -> Response:
        return Response(status_code=200 if self._engine.alive else 503)

    async def models(self, _: Request) -> Response:
        card = {"id": self._model.name, "object": "model", "created": 0, "owned_by": "stratos"}
        return JSONResponse({"object": "list", "data": [card]})

    async def metrics(self, _: Request) -> Response:
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def invocations(self, request: Request) -> Response:
        body = await _json_body(request)
        invocation = _parse(InvocationRequest, body)
        if invocation.chat is not None:
            return await self._chat(request, invocation.chat)
        assert invocation.plain is not None
        return await self._plain(request, invocation.plain)

    async def chat_completions(self, request: Request) -> Response:
        return await self._chat(request, _parse(ChatRequest, await _json_body(request)))

    async def _chat(self, request: Request, chat: ChatRequest) -> Response:
        completion = self._start(chat)
        if chat.stream:
            usage = bool(chat.stream_options and chat.stream_options.include_usage)
            return StreamingResponse(
                self._events(completion, include_usage=usage), media_type="text/event-stream"
            )
        text, end, pieces = await self._collect(request, completion)
        return JSONResponse(completion_body(self._model, chat, text, end, pieces))

    async def _plain(self, request: Request, plain: PlainRequest) -> Response:
        completions = [self._start(chat) for chat in plain.as_chats()]
        try:
            answers = [await self._collect(request, c) for c in completions]
        finally:
            for completion in completions:
                completion.cancel()
        texts = [{"generated_text": text} for text, _, _ in answers]
        return JSONResponse(texts[0] if isinstance(plain.inputs, str) else texts)

    def _start(self, chat: ChatRequest) -> Completion:
        try:
            return Completion(chat, self._model, self._engine, self._timeout)
        except QueueFull as error:
            self._metrics.refused.inc()
            raise Refused(429, "overloaded", f"{error}; try again in a second") from error
        except ValueError as error:
            raise Refused(400, "invalid_request_error", str(error)) from error

    async def _collect(
        self, request: Request, completion: Completion
    ) -> tuple[str, End, list[Piece]]:
        """Gather a whole completion, unless the client goes away first."""
        started = time.perf_counter()
        watch = asyncio.create_task(_cancel_on_disconnect(request, completion))
        pieces: list[Piece] = []
        try:
            async for piece in completion:
                if isinstance(piece, End):
                    end = piece
                else:
                    pieces.append(piece)
        finally:
            watch.cancel()
        if end.reason == "error":
            raise Refused(500, "server_error", "the model failed on this request; see the log")
        if end.reason == "timeout" and not pieces:
            raise Refused(503, "timeout", "the request waited too long for its turn; try again")
        self._metrics.observe(end, time.perf_counter() - started)
        return "".join(piece.text for piece in pieces), end, pieces

    async def _events(self, completion: Completion, *, include_usage: bool) -> AsyncIterator[str]:
        """Server-sent events; a client that leaves ends the generator and with it the decoding."""
        started = time.perf_counter()
        head = _head(self._model, "chat.completion.chunk")

        def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> str:
            choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
            return _event(head | {"choices": [choice]})

        yield chunk({"role": "assistant", "content": ""})
        async for piece in completion:
            if isinstance(piece, End):
                yield chunk({}, _finish_reason(piece))
                if include_usage:
                    yield _event(head | {"choices": [], "usage": _usage(piece)})
                self._metrics.observe(piece, time.perf_counter() - started)
            elif piece.text:
                yield chunk({"content": piece.text})
        yield "data: [DONE]\n\n"


def completion_body(
    model: LoadedModel, chat: ChatRequest, text: str, end: End, pieces: list[Piece]
) -> dict[str, Any]:
    """A whole completion in the OpenAI shape."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "finish_reason": _finish_reason(end),
        "logprobs": _logprobs(model, pieces) if chat.logprobs else None,
    }
    return _head(model, "chat.completion") | {"choices": [choice], "usage": _usage(end)}


def _head(model: LoadedModel, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": model.name,
    }


def _logprobs(model: LoadedModel, pieces: list[Piece]) -> dict[str, Any]:
    def entry(token: int, logprob: float) -> dict[str, Any]:
        text = str(model.tokenizer.decode([token]))
        return {"token": text, "logprob": logprob, "bytes": list(text.encode())}

    return {
        "content": [
            entry(token.id, token.logprob)
            | {"top_logprobs": [entry(*pair) for pair in token.top_logprobs]}
            for piece in pieces
            for token in piece.tokens
        ],
        "refusal": None,
    }


async def _cancel_on_disconnect(request: Request, completion: Completion) -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(0.25)
    completion.cancel()


async def _json_body(request: Request) -> Any:
    """Read the body, never more of it than the limit.

    Raises:
        Refused: 413 when it is too large, 400 when it is not JSON.
    """
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_PAYLOAD_BYTES:
                raise Refused(
                    413, "invalid_request_error", f"the body exceeds {MAX_PAYLOAD_BYTES} bytes"
                )
            chunks.append(chunk)
    except ClientDisconnect as error:
        raise Refused(499, "client_closed_request", "the client went away") from error
    try:
        return json.loads(b"".join(chunks))
    except (ValueError, RecursionError) as error:
        raise Refused(400, "invalid_request_error", f"the body is not JSON: {error}") from error


def _parse(model: type[Model], body: Any) -> Model:
    try:
        return model.model_validate(body)
    except (ValidationError, RecursionError) as error:
        if isinstance(error, RecursionError):
            raise Refused(400, "invalid_request_error", "the body is nested too deeply") from error
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:8]
        )
        raise Refused(400, "invalid_request_error", problems) from error


def _refuse(_: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    headers = {"Retry-After": "1"} if refused.status in (429, 503) else None
    return JSONResponse(refused.body, status_code=refused.status, headers=headers)


def _finish_reason(end: End) -> str:
    return "stop" if end.reason == "stop" else "length"


def _usage(end: End) -> dict[str, int]:
    return {
        "prompt_tokens": end.prompt_tokens,
        "completion_tokens": end.completion_tokens,
        "total_tokens": end.prompt_tokens + end.completion_tokens,
    }


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, separators=(',', ':'))}\n\n"
