"""Near-duplicate questions, by MinHash.

Two questions are near-duplicates when both have at least `MIN_WORDS` words, the same gold answer
and an estimated `THRESHOLD` or more of their runs of `SHINGLE_WORDS` words in common. Short
questions are duplicates only when equal after normalisation: in a hand of tiles or a sum, one
changed token is another question, not a copy.

An index grows with the questions it holds, not with those it is asked about: a signature has
`PERMUTATIONS` values however long its question is. The estimate's standard error at the threshold
is √(0.8 · 0.2 / 256) = 0.025 (Broder, On the resemblance and containment of documents, 1997).
Signatures meet in one of 64 bands of 4 values each; a pair at the threshold misses all of them
with probability (1 - 0.8⁴)⁶⁴ < 10⁻¹⁴.
"""

from __future__ import annotations

from rensa import RMinHash, RMinHashLSH

from stratos.dataset.reading import normalised
from stratos.records import Record

MIN_WORDS = 32
SHINGLE_WORDS = 5
THRESHOLD = 0.8
PERMUTATIONS = 256
_BANDS = 64
_SEED = 0


class NearDuplicates:
    """An index of questions that others must not come near to."""

    def __init__(self) -> None:
        self._bands = RMinHashLSH(THRESHOLD, PERMUTATIONS, _BANDS)
        self._signatures: list[RMinHash] = []
        self._golds: list[str | None] = []
        self._any_of: set[str | None] = set()

    def add(self, record: Record) -> None:
        signature = _signature(record)
        if signature is None:
            return
        self._bands.insert(len(self._signatures), signature)
        self._signatures.append(signature)
        self._golds.append(record.gold)
        self._any_of.add(record.gold)

    def holds_one_like(self, record: Record) -> bool:
        if record.gold not in self._any_of:
            return False
        signature = _signature(record)
        return signature is not None and any(
            self._golds[i] == record.gold and self._signatures[i].jaccard(signature) >= THRESHOLD
            for i in self._bands.query(signature)
        )


def _signature(record: Record) -> RMinHash | None:
    words = normalised(record.question).split()
    if len(words) < MIN_WORDS:
        return None
    signature = RMinHash(PERMUTATIONS, _SEED)
    signature.update(
        [" ".join(run) for run in zip(*(words[i:] for i in range(SHINGLE_WORDS)), strict=False)]
    )
    return signature
