"""What is counted of the records that are written: lengths, splits and workloads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from stratos.contracts.records import Record, Split
from stratos.dataset.inspection import Lengths
from stratos.dataset.turns import length

_EXACT_BELOW = 1000
_MAX_WORKLOADS = 1000
OTHER_WORKLOADS = "(others)"


@dataclass
class LengthCounts:
    """How often each length occurred, to three digits: a few thousand numbers at most."""

    num: int = 0
    total: int = 0
    longest: int = 0
    counts: Counter[int] = field(default_factory=Counter)

    def add(self, length: int) -> None:
        self.num += 1
        self.total += length
        self.longest = max(self.longest, length)
        rounding = 0 if length < _EXACT_BELOW else 3 - len(str(length))
        self.counts[round(length, rounding)] += 1

    def summary(self) -> Lengths:
        if not self.num:
            return Lengths(mean=0, p50=0, p95=0, max=0)
        return Lengths(
            mean=self.total / self.num,
            p50=self._at(0.5),
            p95=self._at(0.95),
            max=self.longest,
        )

    def _at(self, share: float) -> int:
        rank, seen = min(self.num - 1, int(share * self.num)), 0
        for characters in sorted(self.counts):
            seen += self.counts[characters]
            if seen > rank:
                break
        return min(characters, self.longest)


@dataclass
class Tally:
    """Counts over records, in memory that does not grow with them."""

    num_records: Counter[Split] = field(default_factory=Counter)
    prompts: LengthCounts = field(default_factory=LengthCounts)
    golds: LengthCounts = field(default_factory=LengthCounts)
    workloads: Counter[str] = field(default_factory=Counter)
    num_near_duplicates: int = 0
    num_replies: Counter[Split] = field(default_factory=Counter)

    def add(self, record: Record, split: Split) -> None:
        self.num_records[split] += 1
        self.prompts.add(sum(map(length, record.messages)) + _tools_length(record))
        self.num_replies[split] += record.reply is not None
        if record.gold is not None:
            self.golds.add(len(record.gold))
        if record.workload is not None:
            known = record.workload in self.workloads or len(self.workloads) < _MAX_WORKLOADS
            self.workloads[record.workload if known else OTHER_WORKLOADS] += 1


def _tools_length(record: Record) -> int:
    return sum(len(tool.model_dump_json(exclude_none=True)) for tool in record.tools or ())
