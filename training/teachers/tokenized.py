"""Requests as tokens, without those too long to read: what every engine does first."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from training.models.chat import ChatFormat, Dialogue
from training.teachers.teacher import Completion, OnAnswer, Request

_log = logging.getLogger(__name__)


@dataclass
class TokenizedRequests:
    """Requests as tokens, with a place for the completion of each.

    Attributes:
        readable: Indices of the requests that fit and are still to be answered.
    """

    prompts: list[list[int]]
    completions: list[Completion | None]
    readable: list[int]


def tokenize_requests(
    requests: Sequence[Request],
    chat: ChatFormat,
    *,
    max_positions: int,
    name: str,
    on_answer: OnAnswer,
) -> TokenizedRequests:
    """Tokenize requests. One too long to read gets an empty answer at once, which counts as wrong.

    Args:
        max_positions: Tokens that the model can read and write together.
        name: Of the model, for the log.
    """
    prompts = chat.prompts([Dialogue(one.messages, one.tools) for one in requests])
    reading = TokenizedRequests(prompts, [None] * len(requests), [])
    for index, prompt in enumerate(prompts):
        if len(prompt) < max_positions:
            reading.readable.append(index)
            continue
        empty = Completion("", False, len(prompt), 0)
        reading.completions[index] = empty
        on_answer(index, empty)
    if num_unread := len(requests) - len(reading.readable):
        _log.warning(
            "%d of %d prompts are longer than the %d tokens that %s can read",
            num_unread,
            len(requests),
            max_positions,
            name,
        )
    return reading
