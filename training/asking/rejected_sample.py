"""Some of the attempts that were rejected, for people to look at."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from stratos.contracts.records import Record, SampledAttempt, Tried
from training.teachers.teacher import Completion

MOST_OF_A_REASON = 50
_MOST_CHARACTERS = 4_000
"""Of a question or a reply: what a person would read of it."""


@dataclass
class RejectedSample:
    """At most fifty attempts of each reason, each attempt with the same chance (Vitter's R)."""

    kept: dict[str, list[SampledAttempt]] = field(default_factory=dict)
    _seen: Counter[str] = field(default_factory=Counter)
    _chance: random.Random = field(default_factory=lambda: random.Random(0))

    def add(
        self, record: Record, strategy: Tried, attempt: int, completion: Completion, reason: str
    ) -> None:
        """Add an attempt, or pass it over."""
        kept = self.kept.setdefault(reason, [])
        self._seen[reason] += 1
        if len(kept) < MOST_OF_A_REASON:
            kept.append(_shown(record, strategy, attempt, completion, reason))
            return
        place = self._chance.randrange(self._seen[reason])
        if place < MOST_OF_A_REASON:
            kept[place] = _shown(record, strategy, attempt, completion, reason)

    def attempts(self) -> list[SampledAttempt]:
        """All that were kept, the most frequent reason first."""
        return [one for reason, _ in self._seen.most_common() for one in self.kept[reason]]


def _shown(
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
