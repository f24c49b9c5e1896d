"""What a call costs: as the service reports it, or a bound where it reports nothing usable."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from stratos.contracts.messages import openai_message, openai_tool
from training.teachers.teacher import Charge, Request

_BYTES_PER_TOKEN = 3
"""Of UTF-8. Low, so that a call is never estimated cheaper than it turns out."""
_TEMPLATE_TOKENS = 16
_MOST_TOKENS = 10**9
"""No call has more."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prices:
    """In US dollars per million tokens."""

    input_usd: float = 0.0
    output_usd: float = 0.0

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        return (prompt_tokens * self.input_usd + completion_tokens * self.output_usd) / 1e6

    def at_most(self, request: Request) -> float:
        """What a request can cost if the answer is as long as it may be."""
        return self.cost(prompt_bound(request), request.max_new_tokens)


def prompt_bound(request: Request) -> int:
    """More tokens than a request's messages and tools have."""
    messages = [openai_message(message) for message in request.messages]
    tools = [openai_tool(tool) for tool in request.tools]
    written = json.dumps(messages, ensure_ascii=False) + (json.dumps(tools) if tools else "")
    return _tokens(written)


class Meter:
    """Turns what a service reports into what is counted, before anybody looks at the answer."""

    def __init__(self, name: str, prices: Prices) -> None:
        self.prices = prices
        self._name, self._told, self._telling = name, False, threading.Lock()

    def read(
        self,
        request: Request,
        usage: object,
        fields: tuple[str, str],
        written: str | None,
    ) -> Charge:
        """Return what a call is counted as.

        Args:
            usage: What the service reports; anything may stand there.
            fields: Names of the prompt's and the completion's tokens in it.
            written: What the model wrote, thinking and calls included; None if that is unknown, or
                it wrote all that it may.
        """
        reported = usage if isinstance(usage, Mapping) else {}
        prompt, completion = (_count(reported.get(field)) for field in fields)
        if prompt is None or completion is None:
            self._tell(usage)
        if prompt is None:
            prompt = prompt_bound(request)
        if completion is None:
            completion = request.max_new_tokens
            if written is not None:
                completion = min(completion, _tokens(written))
        return Charge(prompt, completion, self.prices.cost(prompt, completion))

    def at_most(self, request: Request) -> Charge:
        """Return what a call is counted as whose answer could not be read."""
        prompt, completion = prompt_bound(request), request.max_new_tokens
        return Charge(prompt, completion, self.prices.cost(prompt, completion))

    def _tell(self, usage: object) -> None:
        with self._telling:
            if self._told:
                return
            self._told = True
        _log.warning(
            "%s reports no usable numbers of tokens (%.100r): a bound by the length of the texts "
            "is counted in their place",
            self._name,
            usage,
        )


def _count(value: object) -> int | None:
    """A number of tokens, or None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= _MOST_TOKENS else None


def _tokens(text: str) -> int:
    return len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN + _TEMPLATE_TOKENS
