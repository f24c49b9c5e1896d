"""What an answer says: the OpenAI chat-completions schema, and the plain form."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any, Literal

from pydantic import BaseModel, Field

from serving.completion import CompletionEnd, Piece
from serving.engine import Token
from serving.loader import LoadedModel


class TokenChoice(BaseModel):
    token: str
    logprob: float
    bytes: list[int]
    """Exact, where the token is part of a character."""


class TokenLogprob(TokenChoice):
    top_logprobs: list[TokenChoice]


class Logprobs(BaseModel):
    content: list[TokenLogprob]
    refusal: None = None


class AssistantMessage(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(BaseModel):
    index: Literal[0] = 0
    message: AssistantMessage
    finish_reason: Literal["stop", "length"]
    logprobs: Logprobs | None = None


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(BaseModel):
    id: str = Field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    object: Literal["chat.completion"] = "chat.completion"
    created: int = Field(default_factory=lambda: int(time.time()))
    model: str
    choices: list[ChatChoice]
    usage: Usage


class PlainAnswer(BaseModel):
    generated_text: str


class ServedModel(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "stratos"


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[ServedModel]


def chat_completion(
    model: LoadedModel, end: CompletionEnd, *, logprobs: bool | None
) -> ChatCompletion:
    """A whole completion."""
    choice = ChatChoice(
        message=AssistantMessage(content=end.piece.text),
        finish_reason=finish_reason(end),
        logprobs=logprobs_of(model, end.piece) if logprobs else None,
    )
    return ChatCompletion(model=model.name, choices=[choice], usage=usage_of(end))


def finish_reason(end: CompletionEnd) -> Literal["stop", "length"]:
    return "stop" if end.reason == "stop" else "length"


def usage_of(end: CompletionEnd) -> Usage:
    return Usage(
        prompt_tokens=end.prompt_tokens,
        completion_tokens=end.completion_tokens,
        total_tokens=end.prompt_tokens + end.completion_tokens,
    )


def logprobs_of(model: LoadedModel, piece: Piece) -> Logprobs:
    def choice(token: int, logprob: float) -> dict[str, Any]:
        exact = model.vocabulary.bytes_of(token)
        return {"token": exact.decode(errors="replace"), "logprob": logprob, "bytes": list(exact)}

    def entry(token: Token) -> TokenLogprob:
        top = [TokenChoice(**choice(*pair)) for pair in token.top_logprobs]
        return TokenLogprob(**choice(token.id, token.logprob), top_logprobs=top)

    return Logprobs(content=[entry(token) for token in piece.tokens])


class Chunks:
    """The server-sent events of one streamed completion."""

    def __init__(self, model: LoadedModel, *, logprobs: bool | None) -> None:
        self._model = model
        self._logprobs = logprobs
        self._head = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model.name,
        }

    def opening(self) -> str:
        return self._choice({"role": "assistant", "content": ""}, None, None)

    def piece(self, piece: Piece) -> str:
        return self._choice({"content": piece.text}, piece, None)

    def closing(self, end: CompletionEnd) -> str:
        """The reason it ended, behind whatever the last piece still holds."""
        last = self.piece(end.piece) if end.piece.text or end.piece.tokens else ""
        return last + self._choice({}, None, finish_reason(end))

    def usage(self, end: CompletionEnd) -> str:
        return event(self._head | {"choices": [], "usage": usage_of(end).model_dump()})

    def _choice(self, delta: dict[str, Any], piece: Piece | None, reason: str | None) -> str:
        with_logprobs = self._logprobs and piece is not None
        logprobs = logprobs_of(self._model, piece).model_dump() if with_logprobs and piece else None
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": logprobs}
        return event(self._head | {"choices": [choice]})


def event(data: dict[str, Any]) -> str:
    """One server-sent event."""
    return f"data: {json.dumps(data, separators=(',', ':'))}\n\n"


DONE = "data: [DONE]\n\n"
