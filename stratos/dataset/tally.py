"""What is counted of the records that are written: lengths, splits, turns, tools, workloads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from stratos.contracts.records import Record, Split
from stratos.dataset.inspection import Conversations, Lengths
from stratos.dataset.tool_texts import ToolTexts
from stratos.dataset.turns import length

_EXACT_BELOW = 1000
_MAX_NAMES = 1000
_SHOWN_TOOLS = 20
OTHERS = "(others)"


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
        if length >= _EXACT_BELOW:
            length = round(length, 3 - len(str(length)))
        self.counts[length] += 1

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

    def add(self, name: str) -> None:
        known = name in self.counts or len(self.counts) < _MAX_NAMES
        self.counts[name if known else OTHERS] += 1

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

    def add(self, record: Record) -> None:
        self.messages.add(len(record.messages))
        if len(record.messages) > 1:
            roles = [message.role for message in record.messages]
            self.num_of_several_turns += roles.count("user") > 1
            self.num_with_system += "system" in roles
        if record.tools:
            self.num_with_tools += 1
            for tool in record.tools:
                self.tools.add(tool.name)
        if record.reply is not None and record.reply.tool_calls:
            self.num_calling += 1
            for call in record.reply.tool_calls:
                self.called.add(call.name)

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
    """Counts over records, in memory that does not grow with them."""

    num_records: Counter[Split] = field(default_factory=Counter)
    prompts: LengthCounts = field(default_factory=LengthCounts)
    golds: LengthCounts = field(default_factory=LengthCounts)
    conversations: ConversationCounts = field(default_factory=ConversationCounts)
    workloads: NameCounts = field(default_factory=NameCounts)
    num_near_duplicates: int = 0
    num_replies: Counter[Split] = field(default_factory=Counter)
    _tool_texts: ToolTexts = field(default_factory=ToolTexts)

    def add(self, record: Record, split: Split) -> None:
        self.num_records[split] += 1
        self.prompts.add(sum(map(length, record.messages)) + self._tools_length(record))
        self.num_replies[split] += record.reply is not None
        if record.gold is not None:
            self.golds.add(len(record.gold))
        self.conversations.add(record)
        if record.workload is not None:
            self.workloads.add(record.workload)

    def _tools_length(self, record: Record) -> int:
        if not record.tools:
            return 0
        return len(self._tool_texts.text(record.tools)) - (len(record.tools) - 1)
