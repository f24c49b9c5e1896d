"""The HTTP face: `/ping`, `/invocations`, `/v1/…`, `/metrics`, `/openapi.json`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, TypeVar

import pydantic_core
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from serving import openapi
from serving.completion import CompletionEnd, CompletionStream, constraint_of
from serving.engine import Constraint, Draining, Engine, QueueFull
from serving.errors import RefusedRequest, of_exception
from serving.grammar import SchemaRejected
from serving.loader import LoadedModel
from serving.metrics import Metrics
from serving.responses import (
    DONE,
    Chunks,
    ModelList,
    PlainAnswer,
    ServedModel,
    chat_completion,
    event,
)
from serving.schema import ChatRequest, InvocationRequest, PlainRequest
from serving.settings import ServerSettings

Model = TypeVar("Model", bound=BaseModel)


class ChatServer:
    """Answers requests with one model."""

    def __init__(
        self, model: LoadedModel, engine: Engine, settings: ServerSettings | None = None
    ) -> None:
        self._model = model
        self._engine = engine
        self._settings = settings or ServerSettings()
        self._metrics = Metrics(engine)
        self._document = openapi.document(version=model.name)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/ping", self.ping),
                Route("/invocations", self.invocations, methods=["POST"]),
                Route("/v1/chat/completions", self.chat_completions, methods=["POST"]),
                Route("/v1/models", self.models),
                Route("/metrics", self.metrics),
                Route("/openapi.json", self.openapi),
            ],
            exception_handlers=dict.fromkeys(
                (RefusedRequest, HTTPException, Exception), self._refuse
            ),
        )

    async def ping(self, _: Request) -> Response:
        return Response(status_code=200 if self._engine.alive else 503)

    async def models(self, _: Request) -> Response:
        return _json(ModelList(data=[ServedModel(id=self._model.name)]))

    async def metrics(self, _: Request) -> Response:
        return Response(
            generate_latest(self._metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def openapi(self, _: Request) -> Response:
        return JSONResponse(self._document)

    async def invocations(self, request: Request) -> Response:
        invocation = _parse(InvocationRequest, await self._body(request))
        if invocation.chat is not None:
            return await self._chat(request, invocation.chat)
        assert invocation.plain is not None
        return await self._plain(request, invocation.plain)

    async def chat_completions(self, request: Request) -> Response:
        return await self._chat(request, _parse(ChatRequest, await self._body(request)))

    async def _chat(self, request: Request, chat: ChatRequest) -> Response:
        completion = self._start(chat, await self._constraint(chat))
        if chat.stream:
            events = self._events(completion, chat)
            return StreamingResponse(events, media_type="text/event-stream")
        (end,) = await self._ends(request, [completion])
        return _json(chat_completion(self._model, end, logprobs=chat.logprobs))

    async def _plain(self, request: Request, plain: PlainRequest) -> Response:
        completions: list[CompletionStream] = []
        try:
            for chat in plain.as_chats():
                completions.append(self._start(chat, None))
        except RefusedRequest:
            for completion in completions:
                completion.cancel()
            raise
        ends = await self._ends(request, completions)
        answers = [PlainAnswer(generated_text=end.piece.text) for end in ends]
        if isinstance(plain.inputs, str):
            return _json(answers[0])
        return JSONResponse([answer.model_dump() for answer in answers])

    async def _constraint(self, chat: ChatRequest) -> Constraint | None:
        if chat.response_format is None:
            return None
        try:
            # Off the loop: a large schema takes a while to compile.
            return await asyncio.to_thread(constraint_of, chat, self._model)
        except SchemaRejected as error:
            raise RefusedRequest(
                400,
                "invalid_schema",
                f"this JSON Schema cannot be enforced: {error}",
                param="response_format.json_schema.schema",
            ) from error

    def _start(self, chat: ChatRequest, constraint: Constraint | None) -> CompletionStream:
        try:
            return CompletionStream(chat, self._model, self._engine, self._settings, constraint)
        except QueueFull as error:
            raise RefusedRequest(429, "queue_full", f"{error}; try again in a second") from error
        except Draining as error:
            raise RefusedRequest(503, "draining", f"{error}; ask another instance") from error
        except ValueError as error:
            raise RefusedRequest(400, "invalid_value", str(error)) from error

    async def _ends(
        self, request: Request, completions: list[CompletionStream]
    ) -> list[CompletionEnd]:
        """Wait for whole completions, unless the client goes away first."""
        watch = asyncio.create_task(_cancel_on_disconnect(request, completions))
        try:
            ends = [await completion.end() for completion in completions]
        finally:
            watch.cancel()
            for completion in completions:
                completion.cancel()
        for end in ends:
            self._metrics.observe(end)
            if end.reason == "error":
                raise _failed()
            if end.reason == "timeout" and not end.completion_tokens:
                raise RefusedRequest(
                    503, "timeout", "the request waited too long for its turn; try again"
                )
        return ends

    async def _events(self, completion: CompletionStream, chat: ChatRequest) -> AsyncIterator[str]:
        """Server-sent events; a client that leaves ends the generator and with it the decoding."""
        chunks = Chunks(self._model, logprobs=chat.logprobs)
        yield chunks.opening()
        async for piece in completion:
            if not isinstance(piece, CompletionEnd):
                yield chunks.piece(piece)
                continue
            self._metrics.observe(piece)
            if piece.reason == "error":
                yield event(_failed().body.model_dump())
                continue
            yield chunks.closing(piece)
            if chat.stream_options and chat.stream_options.include_usage:
                yield chunks.usage(piece)
        yield DONE

    async def _body(self, request: Request) -> Any:
        """Read the body, never more of it than the limit.

        Raises:
            RefusedRequest: 413 when it is too large, 400 when it is not JSON.
        """
        limit = self._settings.max_payload_bytes
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise RefusedRequest(413, "too_large", f"the body exceeds {limit} bytes")
        except ClientDisconnect as error:
            raise RefusedRequest(499, "client_closed_request", "the client went away") from error
        try:
            return pydantic_core.from_json(bytes(body), allow_inf_nan=False)
        except ValueError as error:
            raise RefusedRequest(400, "invalid_json", f"the body is not JSON: {error}") from error

    async def _refuse(self, request: Request, error: Exception) -> Response:
        refused = of_exception(request, error)
        self._metrics.refused(refused.status)
        if self._settings.refusals_as_answers and refused.is_final:
            return refused.response(status=200)
        return refused.response()


async def _cancel_on_disconnect(request: Request, completions: list[CompletionStream]) -> None:
    # Once the body is read, the next message says that the client has gone or has its answer.
    with suppress(RuntimeError):
        await request.receive()
    for completion in completions:
        completion.cancel()


def _failed() -> RefusedRequest:
    return RefusedRequest(500, "model_failed", "the model failed on this request; the log says why")


def _parse(model: type[Model], body: Any) -> Model:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        paths = [".".join(map(str, problem["loc"])) for problem in problems]
        text = "; ".join(
            f"{path}: {problem['msg']}" if path else problem["msg"]
            for path, problem in list(zip(paths, problems, strict=True))[:8]
        )
        raise RefusedRequest(400, "invalid_request", text, param=paths[0] or None) from error


def _json(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), media_type="application/json")
