"""What is counted of the records that are written: lengths, splits, turns, tools, workloads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from stratos.contracts.records import Split
from stratos.dataset.facts import Facts, Shape
from stratos.dataset.inspection import Conversations, Lengths

_EXACT_BELOW = 1000
_MAX_NAMES = 1000
_MAX_SHAPES = 1000
_SHOWN_TOOLS = 20
OTHERS = "(others)"


@dataclass
class LengthCounts:
    """How often each length occurred, to three digits: a few thousand numbers at most."""

    num: int = 0
    total: int = 0
    longest: int = 0
    counts: Counter[int] = field(default_factory=Counter)

    def add(self, length: int, num: int = 1) -> None:
        self.num += num
        self.total += length * num
        self.longest = max(self.longest, length)
        if length >= _EXACT_BELOW:
            length = round(length, 3 - len(str(length)))
        self.counts[length] += num

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
class NameCounts:
    """How often each name occurred; beyond a thousand names, the others together."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, num: int) -> None:
        known = name in self.counts or len(self.counts) < _MAX_NAMES
        self.counts[name if known else OTHERS] += num

    def commonest(self) -> dict[str, int]:
        return dict(self.counts.most_common(_SHOWN_TOOLS))


@dataclass
class ConversationCounts:
    """Counts of messages, turns and tools."""

    messages: LengthCounts = field(default_factory=LengthCounts)
    num_of_several_turns: int = 0
    num_with_system: int = 0
    num_with_tools: int = 0
    num_calling: int = 0
    tools: NameCounts = field(default_factory=NameCounts)
    called: NameCounts = field(default_factory=NameCounts)

    def add(self, shape: Shape, num: int) -> None:
        self.messages.add(shape.num_messages, num)
        self.num_of_several_turns += shape.is_of_several_turns * num
        self.num_with_system += shape.has_system * num
        if shape.tools:
            self.num_with_tools += num
            for name in shape.tools:
                self.tools.add(name, num)
        if shape.called:
            self.num_calling += num
            for name in shape.called:
                self.called.add(name, num)

    def summary(self) -> Conversations:
        return Conversations(
            messages=self.messages.summary(),
            num_of_several_turns=self.num_of_several_turns,
            num_with_system=self.num_with_system,
            num_with_tools=self.num_with_tools,
            num_calling=self.num_calling,
            tools=self.tools.commonest(),
            called=self.called.commonest(),
        )


@dataclass
class Tally:
    """Counts over records, in memory that does not grow with them.

    Records of one shape, as most are, are counted together: see `settle`.
    """

    num_records: Counter[Split] = field(default_factory=Counter)
    prompts: LengthCounts = field(default_factory=LengthCounts)
    golds: LengthCounts = field(default_factory=LengthCounts)
    conversations: ConversationCounts = field(default_factory=ConversationCounts)
    workloads: NameCounts = field(default_factory=NameCounts)
    num_near_duplicates: int = 0
    num_replies: Counter[Split] = field(default_factory=Counter)
    _shapes: Counter[tuple[Split, Shape]] = field(default_factory=Counter)
    """Of records since `settle`, in the order in which they came."""

    def add(self, facts: Facts, split: Split) -> None:
        self.prompts.add(facts.prompt_length)
        if facts.gold_length is not None:
            self.golds.add(facts.gold_length)
        self._shapes[split, facts.shape] += 1
        if len(self._shapes) > _MAX_SHAPES:
            self.settle()

    def settle(self) -> None:
        """Count the shapes that were added; before this, only lengths are."""
        for (split, shape), num in self._shapes.items():
            self.num_records[split] += num
            self.num_replies[split] += shape.has_reply * num
            self.conversations.add(shape, num)
            if shape.workload is not None:
                self.workloads.add(shape.workload, num)
        self._shapes.clear()
