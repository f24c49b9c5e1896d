"""The canonical record: one question and what is known about its answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeVar, get_args

from stratos.contracts.messages import Message, Tool, ToolCall, ToolChoice, offered_tools
from stratos.frozen import FrozenModel

Model = TypeVar("Model", bound=FrozenModel)
Split = Literal["train", "probe", "heldout"]
SPLITS: tuple[Split, ...] = get_args(Split)
Tried = Literal["alignment", "injection"]
"""How one record was asked for; a blend tries both."""


class Record(FrozenModel):
    """A question as chat messages (none from the assistant at the end), and its gold answer.

    `group` names records that are variants of each other: one group never spans two splits.
    """

    id: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] | None = None
    tool_choice: ToolChoice | None = None
    reply: Message | None = None
    """What was answered, whole, where the dataset has it; `gold` is the answer in it."""
    gold: str | None = None
    group: str | None = None
    workload: str | None = None
    split: Split | None = None
    provenance: str = ""
    """File and line it was read from."""

    @property
    def offered_tools(self) -> tuple[Tool, ...] | None:
        """The tools that a model is shown; None where the row has none."""
        return self.tools and offered_tools(self.tools, self.tool_choice)

    @property
    def question(self) -> str:
        """The last user message."""
        place = -1
        while self.messages[place].role != "user":
            place -= 1
        return self.messages[place].content


class TrainingRecord(FrozenModel):
    """A verified conversation to train on: the student learns `completion` after `messages`."""

    id: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] | None = None
    tool_choice: ToolChoice | None = None
    """None in older files."""
    completion: str
    tool_calls: tuple[ToolCall, ...] | None = None
    """What the completion calls, after its text."""
    answer: str | None = None
    strategy: Tried
    attempts: int = 1


class SampledAttempt(FrozenModel):
    """A question as a teacher answered it, to look at: kept, or rejected for a reason."""

    id: str
    question: str
    """The last message of the user, as its first thousands of characters."""
    completion: str
    tool_calls: tuple[ToolCall, ...] | None = None
    answer: str | None = None
    """Gold."""
    strategy: Tried
    attempts: int
    """So many were made when this one was answered."""
    reason: str | None = None
    """Why it was rejected; None if it was kept."""

    @classmethod
    def of_kept(cls, record: TrainingRecord) -> SampledAttempt:
        """A record that was kept."""
        asked = (m.content for m in reversed(record.messages) if m.role == "user")
        return cls(
            id=record.id,
            question=next(asked, ""),
            completion=record.completion,
            tool_calls=record.tool_calls,
            answer=record.answer,
            strategy=record.strategy,
            attempts=record.attempts,
        )


def read_jsonl(path: Path, model: type[Model]) -> Iterator[Model]:
    """Stream rows of one model from a JSONL file."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield model.model_validate_json(line)


def write_jsonl(path: Path, rows: Iterable[FrozenModel]) -> int:
    """Write rows, one JSON object a line, and return how many."""
    count = 0
    with path.open("w", encoding="utf-8") as out:
        for row in rows:
            out.write(row.model_dump_json(exclude_none=True) + "\n")
            count += 1
    return count
