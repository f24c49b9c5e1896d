"""The same engine inside AWS's PyTorch inference container, whose toolkit owns the HTTP server.

The toolkit imports `inference.py` from the model's `code/` folder; the export puts one there that
takes both functions from here.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from serving.app import completion_body
from serving.completion import Completion, End, Piece
from serving.engine import Engine
from serving.loader import LoadedModel, load_model
from serving.schema import ChatRequest, InvocationRequest

TIMEOUT_SECONDS = 55.0


def model_fn(model_dir: str) -> tuple[LoadedModel, Engine]:
    """Load the model and start its engine; called once by each worker."""
    loaded = load_model(Path(model_dir))
    engine = Engine(loaded.model, eos_token_ids=loaded.eos_token_ids, max_tokens=loaded.max_tokens)
    return loaded, engine


def transform_fn(
    served: tuple[LoadedModel, Engine], body: bytes | str, content_type: str, accept: str
) -> tuple[str, str]:
    """Answer one invocation; content types are JSON both ways.

    Raises:
        ValueError: for a body that is not a valid request; the toolkit answers 400.
    """
    try:
        invocation = InvocationRequest.model_validate_json(body)
    except ValidationError as error:
        raise ValueError(str(error)) from error
    return json.dumps(asyncio.run(_answer(served, invocation))), "application/json"


async def _answer(served: tuple[LoadedModel, Engine], invocation: InvocationRequest) -> Any:
    loaded, engine = served
    if invocation.chat is not None:
        text, end, pieces = await _complete(invocation.chat, loaded, engine)
        return completion_body(loaded, invocation.chat, text, end, pieces)
    assert invocation.plain is not None
    chats = invocation.plain.as_chats()
    answers = await asyncio.gather(*(_complete(chat, loaded, engine) for chat in chats))
    texts = [{"generated_text": text} for text, _, _ in answers]
    return texts[0] if isinstance(invocation.plain.inputs, str) else texts


async def _complete(
    chat: ChatRequest, loaded: LoadedModel, engine: Engine
) -> tuple[str, End, list[Piece]]:
    pieces: list[Piece] = []
    async for piece in Completion(chat, loaded, engine, TIMEOUT_SECONDS):
        if isinstance(piece, End):
            end = piece
        else:
            pieces.append(piece)
    return "".join(piece.text for piece in pieces), end, pieces
