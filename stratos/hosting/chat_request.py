"""A question in the OpenAI chat schema, as measurements and batches put it."""

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
