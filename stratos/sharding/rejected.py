"""Some of the attempts that were rejected, for people to look at."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from stratos.contracts.records import SampledAttempt

MOST_OF_A_REASON = 50


@dataclass
class RejectedSample:
    """At most fifty attempts of each reason, each attempt with the same chance.

    Those are kept whose hash is smallest (bottom-k sampling), so that the sample depends neither on
    the order of the attempts nor on the shard that made them: of samples, too, it is the sample.
    """

    _kept: dict[str, list[tuple[int, int, SampledAttempt]]] = field(default_factory=dict)
    _seen: Counter[str] = field(default_factory=Counter)

    def add(self, attempt: SampledAttempt) -> None:
        """Add an attempt, or pass it over."""
        assert attempt.reason is not None, "it was rejected for something"
        kept = self._kept.setdefault(attempt.reason, [])
        self._seen[attempt.reason] += 1
        # The number of the attempt parts those with equal hashes: attempts cannot be compared.
        entry = (-_place(attempt), -self._seen[attempt.reason], attempt)
        if len(kept) < MOST_OF_A_REASON:
            heapq.heappush(kept, entry)
        else:
            heapq.heappushpop(kept, entry)

    def attempts(self, seen: Mapping[str, int] | None = None) -> list[SampledAttempt]:
        """All that were kept, the most frequent reason first.

        Args:
            seen: Attempts of each reason, where only samples of them were added here.
        """
        counts = self._seen if seen is None else seen
        reasons = sorted(self._kept, key=lambda reason: (-counts.get(reason, 0), reason))
        return [one for reason in reasons for *_, one in sorted(self._kept[reason], reverse=True)]


def _place(attempt: SampledAttempt) -> int:
    told = (attempt.id, attempt.strategy, attempt.attempts, attempt.completion)
    return int.from_bytes(hashlib.sha256(repr(told).encode()).digest()[:8], "big")
