"""A rejected attempt, as people are shown it."""

from __future__ import annotations

from stratos.contracts.records import Record, SampledAttempt, Tried
from training.teachers.teacher import Completion

_MOST_CHARACTERS = 4_000
"""Of a question or a reply: what a person would read of it."""


def rejected_attempt(
    record: Record, strategy: Tried, attempt: int, completion: Completion, reason: str
) -> SampledAttempt:
    return SampledAttempt(
        id=record.id,
        question=record.question[:_MOST_CHARACTERS],
        completion=completion.text[:_MOST_CHARACTERS],
        tool_calls=completion.tool_calls or None,
        answer=record.gold,
        strategy=strategy,
        attempts=attempt,
        reason=reason,
    )
