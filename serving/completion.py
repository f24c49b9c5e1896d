"""One chat completion: from messages to text, through the engine, as an async stream of pieces."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial

import jinja2

from serving.engine import Constraint, Engine, FinishReason, Generation, GenerationTiming, Token
from serving.grammar import ANY_OBJECT
from serving.loader import LoadedModel
from serving.outbox import outbox_of_running_loop
from serving.sampling import TokenSampling
from serving.schema import ChatRequest, JsonObjectFormat, JsonSchemaFormat
from serving.settings import ServerSettings
from serving.text import TextAssembler


@dataclass(frozen=True)
class Piece:
    """Text that became certain, and the tokens that made it so."""

    text: str
    tokens: tuple[Token, ...]


@dataclass(frozen=True)
class CompletionEnd:
    """The last piece (all there is, when nothing was streamed) and how it went."""

    piece: Piece
    reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    timing: GenerationTiming


class CompletionStream:
    """One request on its way through the engine. Iterate to get its pieces, `CompletionEnd` last.

    Only a request that streams, or that has stop sequences, is turned into text token by token.

    Raises (on construction):
        ValueError: for a prompt the model cannot take.
        QueueFull, Draining: when the engine takes no more.
    """

    def __init__(
        self,
        request: ChatRequest,
        model: LoadedModel,
        engine: Engine,
        settings: ServerSettings,
        constraint: Constraint | None = None,
    ) -> None:
        prompt = render(request, model)
        self._tokenizer = model.tokenizer
        self._streams = bool(request.stream)
        stops = request.stop_sequences
        self._assembler = TextAssembler(model.tokenizer, stops) if self._streams or stops else None
        self._text = ""
        self._tokens: list[Token] = []
        self._completion_tokens = 0
        self._outbox = outbox_of_running_loop()
        self._pieces: asyncio.Queue[Piece | CompletionEnd] = asyncio.Queue()
        self._generation = Generation(
            prompt=prompt,
            max_new_tokens=_token_limit(request, engine.max_tokens - len(prompt), settings),
            sampling=TokenSampling(request.temperature or 0.0, request.top_p or 1.0, request.seed),
            on_token=self._on_token,
            on_finish=self._on_finish,
            num_top_logprobs=(request.top_logprobs or 0) if request.logprobs else None,
            constraint=constraint,
            deadline=time.monotonic() + settings.request_timeout_seconds,
        )
        engine.submit(self._generation)

    def cancel(self) -> None:
        """The client has gone: stop decoding for it."""
        self._generation.cancelled.set()

    async def __aiter__(self) -> AsyncIterator[Piece | CompletionEnd]:
        try:
            while True:
                piece = await self._pieces.get()
                yield piece
                if isinstance(piece, CompletionEnd):
                    return
        finally:
            self.cancel()

    async def end(self) -> CompletionEnd:
        """Wait for the whole answer; only for one that does not stream."""
        assert not self._streams
        async for piece in self:
            if isinstance(piece, CompletionEnd):
                return piece
        raise AssertionError("a completion ends with a CompletionEnd")

    def _on_token(self, token: Token) -> bool:
        self._tokens.append(token)
        self._completion_tokens += 1
        if self._assembler is None:
            return False
        self._text += self._assembler.push(token.id)
        if self._streams and self._text:
            self._put(self._take())
        return self._assembler.stopped

    def _on_finish(self, reason: FinishReason) -> None:
        if self._assembler is None:
            ids = [token.id for token in self._tokens]
            self._text = str(self._tokenizer.decode(ids, skip_special_tokens=True))
        else:
            self._text += self._assembler.flush()
            if self._assembler.stopped and reason == "length":
                reason = "stop"
        timing = replace(self._generation.timing)
        prompt_tokens = len(self._generation.prompt)
        self._put(
            CompletionEnd(self._take(), reason, prompt_tokens, self._completion_tokens, timing)
        )

    def _take(self) -> Piece:
        piece = Piece(self._text, tuple(self._tokens))
        self._text, self._tokens = "", []
        return piece

    def _put(self, piece: Piece | CompletionEnd) -> None:
        self._outbox.put(partial(self._pieces.put_nowait, piece))


def render(request: ChatRequest, model: LoadedModel) -> list[int]:
    """Token ids of the conversation under the model's own chat template, reply opened.

    Raises:
        ValueError: when the template refuses the conversation.
    """
    messages = [{"role": m.role, "content": m.text} for m in request.messages]
    try:
        encoded = model.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=True
        )
    except jinja2.TemplateError as error:
        raise ValueError(f"the model's chat template refuses the messages: {error}") from error
    return [int(i) for i in encoded["input_ids"]]


def constraint_of(request: ChatRequest, model: LoadedModel) -> Constraint | None:
    """What the request's `response_format` holds the answer to. A large schema takes a while.

    Raises:
        SchemaRejected: for a schema that cannot be enforced.
    """
    match request.response_format:
        case JsonSchemaFormat(json_schema=wanted):
            return model.vocabulary.constrain(wanted.schema_)
        case JsonObjectFormat():
            return model.vocabulary.constrain(ANY_OBJECT)
    return None


def _token_limit(request: ChatRequest, room: int, settings: ServerSettings) -> int:
    """Without a limit in the request, the context and the server set it."""
    limit = request.token_limit
    if limit is None:
        return max(1, min(room, settings.max_new_tokens))
    if limit > settings.max_new_tokens:
        raise ValueError(
            f"max_tokens is {limit}; this server generates at most {settings.max_new_tokens}"
        )
    return limit
