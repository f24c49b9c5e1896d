"""Rows that were left out of a dataset: counted by reason, the first few with their place."""

from __future__ import annotations

from dataclasses import dataclass, field

from stratos.contracts.records import Record
from stratos.dataset.inspection import MAX_EXAMPLES, LeftOut
from stratos.dataset.ledger import Duplicates, Ledger
from stratos.dataset.reading import DatasetReader
from stratos.dataset.spool import Spool

BAD_LINE = "bad line"
DUPLICATE = "duplicate question"
CONTRADICTION = "duplicate question with another answer"
LEAK = "near-duplicate of a held-out or probe record"


@dataclass
class LeftOutRows:
    """Counts and examples, in memory that does not grow with the rows."""

    reasons: dict[str, LeftOut] = field(default_factory=dict)

    def add(self, reason: str, num: int, examples: list[str]) -> None:
        """Add rows of one reason; no reason is kept without any."""
        if num:
            before = self.reasons.get(reason, LeftOut(num=0))
            shown = (*before.examples, *examples)[:MAX_EXAMPLES]
            self.reasons[reason] = LeftOut(num=before.num + num, examples=shown)

    def add_bad_lines(self, reader: DatasetReader) -> None:
        self.add(BAD_LINE, reader.num_bad_lines, reader.bad_lines)

    def add_repeats(self, found: Duplicates, ledger: Ledger, spool: Spool) -> None:
        """Add the records whose question came before; the spool must still be full."""
        for reason, contradicts, num in (
            (DUPLICATE, False, found.num_repeated - found.num_contradictions),
            (CONTRADICTION, True, found.num_contradictions),
        ):
            examples = []
            for place, original in ledger.repeats(MAX_EXAMPLES, contradicts=contradicts):
                first = spool.at(original).provenance
                examples.append(f"{spool.at(place).provenance}: the question of {first}")
            self.add(reason, num, examples)

    def add_leak(self, record: Record, original: str) -> None:
        """Add a training record that resembles one which is kept back."""
        self.add(LEAK, 1, [f"{record.provenance}: like {original}, which is kept back"])

    def summary(self) -> dict[str, LeftOut]:
        """Reason → rows, the most frequent first."""
        return dict(sorted(self.reasons.items(), key=lambda item: -item[1].num))
