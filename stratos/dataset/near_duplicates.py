"""Near-duplicate questions, by MinHash.

Two questions are near-duplicates when both have at least `MIN_WORDS` words, the same gold answer
and an estimated `THRESHOLD` or more of their runs of `SHINGLE_WORDS` words in common. Short
questions are duplicates only when equal after normalisation: in a hand of tiles or a sum, one
changed token is another question, not a copy.

An index grows with the questions it holds, not with those that are looked up: a signature has
`PERMUTATIONS` values however long its question is. The estimate's standard error at the threshold
is √(0.8 · 0.2 / 256) = 0.025 (Broder, On the resemblance and containment of documents, 1997).
Signatures meet in one of 64 bands of 4 values each; a pair at the threshold misses all of them
with probability (1 - 0.8⁴)⁶⁴ < 10⁻¹⁴. A signature is computed only if the index holds one of 16 of
the question's runs, drawn from all over it; of a pair at the threshold it holds none with
probability 0.2¹⁶ < 10⁻¹¹.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import itemgetter

from rensa import RMinHash, RMinHashLSH

from stratos.contracts.records import Record
from stratos.dataset.words import words_of

MIN_WORDS = 32
SHINGLE_WORDS = 5
THRESHOLD = 0.8
PERMUTATIONS = 256
_BANDS = 64
_SEED = 0
_MAX_RUNS = 1_000_000
"""Held to rule out near-duplicates quickly, some 70 bytes each; beyond that, only by signature."""
_NUM_DRAWN = 16
_DRAW = random.Random(0)
_DRAWN = tuple((part + _DRAW.random()) / _NUM_DRAWN for part in range(_NUM_DRAWN))
"""Where the runs are drawn, as shares of the question: one from each sixteenth of it. Not evenly
spaced, since a form's changed words may be."""


class NearDuplicates:
    """An index of questions that others must not resemble."""

    def __init__(self) -> None:
        self._bands = RMinHashLSH(THRESHOLD, PERMUTATIONS, _BANDS)
        self._signatures: list[RMinHash] = []
        self._golds: list[str | None] = []
        self._places: list[str] = []
        self._any_of: set[str | None] = set()
        self._runs: set[int] | None = set()
        """Of everything held, to rule out a near-duplicate without computing a signature."""

    @property
    def golds(self) -> frozenset[str | None]:
        """The gold answers of what is held: a record with another resembles none of it."""
        return frozenset(self._any_of)

    def add(self, record: Record) -> None:
        words = _words(record.question)
        if not words:
            return
        signature = _signature(words)
        self._bands.insert(len(self._signatures), signature)
        self._signatures.append(signature)
        self._golds.append(record.gold)
        self._places.append(record.provenance)
        self._any_of.add(record.gold)
        if self._runs is not None:
            self._runs.update(map(hash, _runs(words)))
            if len(self._runs) > _MAX_RUNS:
                self._runs = None

    def holds_one_like(self, record: Record) -> bool:
        return self.one_like(record.question, record.gold) is not None

    def one_like(self, question: str, gold: str | None) -> str | None:
        """Where a question came from that this one resembles; None if there is none."""
        if gold not in self._any_of:
            return None
        words = _words(question)
        if not words or not self._may_hold(words):
            return None
        signature = _signature(words)
        alike = (
            self._places[i]
            for i in self._bands.query(signature)
            if self._golds[i] == gold and self._signatures[i].jaccard(signature) >= THRESHOLD
        )
        return next(alike, None)

    def _may_hold(self, words: list[str]) -> bool:
        if self._runs is None:
            return True
        pick, num_drawn = _drawing(len(words) - SHINGLE_WORDS + 1)
        drawn = set(map(hash, zip(*[iter(pick(words))] * SHINGLE_WORDS, strict=True)))
        if len(drawn) < num_drawn:  # a run that is repeated would stand for too much
            return not self._runs.isdisjoint(map(hash, _runs(words)))
        return not self._runs.isdisjoint(drawn)


@lru_cache(maxsize=4096)
def _drawing(num_runs: int) -> tuple[Callable[[list[str]], tuple[str, ...]], int]:
    """What picks the words of the drawn runs, one run after the other, and how many those are."""
    places = {int(share * num_runs) for share in _DRAWN}
    picked = (place + offset for place in places for offset in range(SHINGLE_WORDS))
    return itemgetter(*picked), len(places)


def _words(question: str) -> list[str]:
    """The words of a question; none if it is too short to resemble another."""
    words = words_of(question)
    return words if len(words) >= MIN_WORDS else []


def _runs(words: list[str]) -> Iterable[tuple[str, ...]]:
    return zip(*(words[start:] for start in range(SHINGLE_WORDS)), strict=False)


def _signature(words: list[str]) -> RMinHash:
    signature = RMinHash(PERMUTATIONS, _SEED)
    signature.update(list(map(" ".join, _runs(words))))
    return signature
