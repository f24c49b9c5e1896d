"""Near-duplicate questions, found exactly: Jaccard similarity of word shingles.

Two questions are near-duplicates when both have at least `MIN_WORDS` words, the same gold answer
and at least `THRESHOLD` of their runs of `SHINGLE_WORDS` words in common. Short questions are
duplicates only when equal after normalisation: in a hand of tiles or a sum, one changed token is
another question, not a copy.

The search is the prefix filter of Bayardo et al., Scaling Up All Pairs Similarity Search (2007):
sets whose similarity reaches t share one of the first (1 - t) n + 1 elements of any fixed order.
Here the order is that of a hash, and nothing is missed.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict

from stratos.dataset.reading import normalised
from stratos.records import Record

MIN_WORDS = 32
SHINGLE_WORDS = 5
THRESHOLD = 0.8


class NearDuplicates:
    """An index of questions that others must not come near to."""

    def __init__(self) -> None:
        self._shingles: list[frozenset[int]] = []
        self._golds: list[str | None] = []
        self._by_prefix: dict[int, list[int]] = defaultdict(list)

    def add(self, record: Record) -> None:
        shingles = _shingles(record)
        if not shingles:
            return
        for shingle in _prefix(shingles):
            self._by_prefix[shingle].append(len(self._shingles))
        self._shingles.append(shingles)
        self._golds.append(record.gold)

    def holds_one_like(self, record: Record) -> bool:
        shingles = _shingles(record)
        candidates = {i for s in _prefix(shingles) for i in self._by_prefix.get(s, ())}
        return any(
            self._golds[i] == record.gold and _jaccard(self._shingles[i], shingles) >= THRESHOLD
            for i in candidates
        )


def _shingles(record: Record) -> frozenset[int]:
    words = normalised(record.question).split()
    if len(words) < MIN_WORDS:
        return frozenset()
    runs = (" ".join(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1))
    return frozenset(
        int.from_bytes(hashlib.blake2b(run.encode(), digest_size=8).digest(), "big") for run in runs
    )


def _prefix(shingles: frozenset[int]) -> list[int]:
    return sorted(shingles)[: int((1 - THRESHOLD) * len(shingles) + 1e-9) + 1]


def _jaccard(left: frozenset[int], right: frozenset[int]) -> float:
    shared = len(left & right)
    return shared / (len(left) + len(right) - shared)
