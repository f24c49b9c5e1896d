"""One chat completion: from messages to text, through the engine, as an async stream of pieces."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from serving.engine import Engine, FinishReason, Generation, Token
from serving.loader import LoadedModel
from serving.sampling import Sampling
from serving.schema import ChatRequest


@dataclass(frozen=True)
class Piece:
    """Text that became certain with one token, and the token itself."""

    text: str
    tokens: tuple[Token, ...]


@dataclass(frozen=True)
class End:
    reason: FinishReason
    prompt_tokens: int
    completion_tokens: int


class TextAssembler:
    """Turns tokens into text; holds back what may turn out to be part of a stop sequence.

    Tokens are decoded together from a point where the text is known to be whole, since one
    character may span several tokens.
    """

    def __init__(self, model: LoadedModel, stops: tuple[str, ...]) -> None:
        self._tokenizer = model.tokenizer
        self._stops = stops
        self._ids: list[int] = []
        self._sent = 0
        self.stopped = False

    def push(self, token: int) -> str:
        """Add a token; return the text that is now certain."""
        self._ids.append(token)
        text = self._text()
        if text.endswith("�"):
            return ""
        for stop in self._stops:
            if (at := text.find(stop)) >= 0:
                self.stopped = True
                text = text[:at]
        return self._send(text, 0 if self.stopped else _overlap(text, self._stops))

    def flush(self) -> str:
        """Return what was held back."""
        return "" if self.stopped else self._send(self._text(), 0)

    def _text(self) -> str:
        return str(self._tokenizer.decode(self._ids, skip_special_tokens=True))

    def _send(self, text: str, held: int) -> str:
        end = max(self._sent, len(text) - held)
        piece, self._sent = text[self._sent : end], end
        return piece


def _overlap(text: str, stops: tuple[str, ...]) -> int:
    """Longest suffix of `text` that begins a stop sequence."""
    return max(
        (
            size
            for stop in stops
            for size in range(1, min(len(stop), len(text)) + 1)
            if text.endswith(stop[:size])
        ),
        default=0,
    )


class Completion:
    """One request on its way through the engine.

    Raises (on construction):
        ValueError: for a prompt the model cannot take.
        QueueFull: when the server is saturated.
    """

    def __init__(
        self, request: ChatRequest, model: LoadedModel, engine: Engine, timeout_seconds: float
    ) -> None:
        prompt = render(request, model)
        room = model.max_tokens - len(prompt)
        limit = request.token_limit
        self._assembler = TextAssembler(model, request.stop_sequences)
        self._prompt_tokens = len(prompt)
        self._completion_tokens = 0
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[Piece | End] = asyncio.Queue()
        self._generation = Generation(
            prompt=prompt,
            # Without a limit of the caller's the context is the limit, as clients expect.
            max_new_tokens=limit if limit is not None else max(1, room),
            sampling=Sampling(request.temperature or 0.0, request.top_p or 1.0, request.seed),
            on_token=self._on_token,
            on_finish=self._on_finish,
            num_top_logprobs=(request.top_logprobs or 0) if request.logprobs else None,
            deadline=time.monotonic() + timeout_seconds,
        )
        engine.submit(self._generation)

    def cancel(self) -> None:
        """The client has gone: stop decoding for it."""
        self._generation.cancelled.set()

    async def __aiter__(self) -> AsyncIterator[Piece | End]:
        try:
            while True:
                piece = await self._pieces.get()
                yield piece
                if isinstance(piece, End):
                    return
        finally:
            self.cancel()

    def _on_token(self, token: Token) -> bool:
        self._completion_tokens += 1
        self._put(Piece(self._assembler.push(token.id), (token,)))
        return self._assembler.stopped

    def _on_finish(self, reason: FinishReason) -> None:
        if rest := self._assembler.flush():
            self._put(Piece(rest, ()))
        self._put(End(reason, self._prompt_tokens, self._completion_tokens))

    def _put(self, piece: Piece | End) -> None:
        self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)


def render(request: ChatRequest, model: LoadedModel) -> list[int]:
    """Token ids of the conversation under the model's own chat template, reply opened."""
    messages = [{"role": m.role, "content": m.text} for m in request.messages]
    encoded = model.tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True
    )
    return [int(i) for i in encoded["input_ids"]]
