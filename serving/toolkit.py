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

from serving.completion import CompletionStream, constraint_of
from serving.engine import Engine
from serving.loader import LoadedModel, load_model
from serving.responses import chat_completion
from serving.schema import InvocationRequest
from serving.settings import ServerSettings


def model_fn(model_dir: str) -> tuple[LoadedModel, Engine]:
    """Load the model and start its engine; called once by each worker."""
    settings = ServerSettings.from_environment()
    loaded = load_model(Path(model_dir), settings.model_name)
    engine = Engine(
        loaded.model,
        eos_token_ids=loaded.eos_token_ids,
        max_tokens=min(loaded.max_tokens, settings.max_context),
        num_slots=settings.num_slots,
        max_waiting=settings.max_waiting,
    )
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
    chats = [invocation.chat] if invocation.chat else []
    if invocation.plain is not None:
        chats = invocation.plain.as_chats()
    settings = ServerSettings.from_environment()
    # The toolkit has no streaming: whoever asks for it gets the whole answer.
    completions = [
        CompletionStream(
            chat.model_copy(update={"stream": False}),
            loaded,
            engine,
            settings,
            constraint_of(chat, loaded),
        )
        for chat in chats
    ]
    ends = [await completion.end() for completion in completions]
    if invocation.chat is not None:
        answer = chat_completion(loaded, ends[0], logprobs=invocation.chat.logprobs)
        return answer.model_dump()
    texts = [{"generated_text": end.piece.text} for end in ends]
    assert invocation.plain is not None
    return texts[0] if isinstance(invocation.plain.inputs, str) else texts
