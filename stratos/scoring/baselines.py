"""Baselines: answers that need no model. A student that learned anything beats them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

_N = 3
"""Characters in an n-gram."""


def constant_answer(golds: Sequence[str]) -> str:
    """Return the most frequent gold answer, the first of them on a tie.

    Raises:
        ValueError: when there are no gold answers.
    """
    if not golds:
        raise ValueError("no gold answers to take the most frequent of; label some train records")
    return Counter(golds).most_common(1)[0][0]


class NearestQuestion:
    """Answers with the gold answer of the most similar training question.

    Similarity is the Jaccard index of character trigrams. Each question's trigrams are the bits
    of one integer, so that an intersection is a single `&`.
    """

    def __init__(self, questions: Sequence[str], golds: Sequence[str]) -> None:
        if not questions or len(questions) != len(golds):
            raise ValueError(
                f"{len(questions)} questions and {len(golds)} gold answers; need pairs"
            )
        self._bit_of: dict[str, int] = {}
        self._golds = list(golds)
        self._known = [self._bits(question) for question in questions]
        self._sizes = [bits.bit_count() for bits in self._known]

    def answer(self, question: str) -> str:
        """Return the gold answer of the nearest training question; the first on a tie."""
        grams = _grams(question)
        size = len(grams)
        bits = sum(1 << self._bit_of[gram] for gram in grams if gram in self._bit_of)
        best, best_similarity = 0, -1.0
        for index, (known, known_size) in enumerate(zip(self._known, self._sizes, strict=True)):
            common = (bits & known).bit_count()
            similarity = common / (size + known_size - common)
            if similarity > best_similarity:
                best, best_similarity = index, similarity
        return self._golds[best]

    def _bits(self, question: str) -> int:
        bits = 0
        for gram in _grams(question):
            bits |= 1 << self._bit_of.setdefault(gram, len(self._bit_of))
        return bits


def _grams(text: str) -> set[str]:
    padded = f" {text} "
    return {padded[index : index + _N] for index in range(max(1, len(padded) - _N + 1))}
