"""A question in the OpenAI chat schema, as measurements, batches and `stratos invoke` put it.

It says how to sample and for how long, so that every engine reads it alike. vLLM refuses another
name than the spec's, under which the model is served; llama.cpp does not look at it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def chat_request(
    messages: Iterable[dict[str, str]], model_name: str, max_tokens: int
) -> dict[str, Any]:
    """A greedy chat; also one line of a batch."""
    return {
        "model": model_name,
        "messages": list(messages),
        "max_tokens": max_tokens,
        "temperature": 0,
    }


def said_in(body: Any) -> tuple[str, bool]:
    """The text of a chat completion, and whether the model came to its end.

    Raises:
        LookupError, TypeError: when it is none.
    """
    choice = body["choices"][0]
    return choice["message"]["content"] or "", choice.get("finish_reason") != "length"
