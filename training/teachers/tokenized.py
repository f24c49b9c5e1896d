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
        begun: What each reply begins with: where a call is required, the model is not asked
            whether to make one.
        readable: Indices of the requests that fit and are still to be answered.
    """

    prompts: list[list[int]]
    begun: list[list[int]]
    completions: list[Completion | None]
    readable: list[int]

    def read(self, index: int) -> list[int]:
        """What the model reads before it goes on by itself."""
        return self.prompts[index] + self.begun[index]


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
    dialogues = [Dialogue(one.messages, one.offered_tools) for one in requests]
    begun = [
        chat.begun(dialogue, one.tool_choice)
        for one, dialogue in zip(requests, dialogues, strict=True)
    ]
    reading = TokenizedRequests(chat.prompts(dialogues), begun, [None] * len(requests), [])
    for index, prompt in enumerate(reading.prompts):
        if len(reading.read(index)) < max_positions:
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
