"""The questions of a split: reading them, asking a model, scoring its answers."""

from __future__ import annotations

import itertools
import logging
import random
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from stratos.contracts.messages import Message
from stratos.contracts.records import Record, Split, read_jsonl
from stratos.contracts.shards import GradedAnswers, Shard
from stratos.errors import BudgetExhausted, DatasetRejected, TeacherFailed
from stratos.scoring.reply import Reason, ReplyVerdict
from stratos.sharding.evaluation import FEWEST, require_enough, written
from stratos.spec import Logs
from stratos.statistics.wilson import Proportion, proportion_of
from training.judging.judge import GivenReply, Judge
from training.teachers.teacher import Completion, Request, Teacher

Drawn = TypeVar("Drawn")
WHOLE = Shard(index=0, count=1)
"""The one shard of a job that has a step to itself."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scored:
    """A model's answers to some records; None where there was no time to ask."""

    completions: list[Completion | None]
    verdicts: list[ReplyVerdict | None]

    @property
    def outcomes(self) -> list[bool | None]:
        """Whether each is right; None where there is no answer, or nothing could tell."""
        return [None if one is None else one.is_right for one in self.verdicts]

    @property
    def reasons(self) -> Counter[Reason]:
        """How often replies were worth what, and why."""
        return Counter(one.reason for one in self.verdicts if one is not None)

    @property
    def accuracy(self) -> Proportion:
        return proportion_of(one for one in self.outcomes if one is not None)

    @property
    def mean_completion_tokens(self) -> float:
        counts = [one.completion_tokens for one in self.completions if one is not None]
        return sum(counts) / max(1, len(counts))

    def graded(self, name: str, asked: int | None = None) -> GradedAnswers:
        """The same question by question, without the texts.

        Args:
            asked: Of the records; all if omitted.
        """
        answered = [one for one in self.completions if one is not None]
        return GradedAnswers(
            name=name,
            outcomes=written(self.outcomes),
            asked=len(self.completions) if asked is None else asked,
            answered=len(answered),
            completion_tokens=sum(one.completion_tokens for one in answered),
        )

    @property
    def mean_prompt_tokens(self) -> float:
        counts = [one.prompt_tokens for one in self.completions if one is not None]
        return sum(counts) / max(1, len(counts))


def read_drawn(
    folder: Path,
    split: Split,
    limit: int | None,
    seed: int,
    wanted: Callable[[Record], bool] = lambda record: True,
    shard: Shard = WHOLE,
) -> list[Record]:
    """`sample` those of a split's records that are wanted, with no others in memory.

    Args:
        shard: Only this part of them, in the order in which they were drawn.

    Raises:
        DatasetRejected: when the split is missing or empty.
    """
    numbers = _numbers(folder, split, wanted)
    random.Random(seed).shuffle(numbers)
    drawn = numbers[:limit]
    part = shard.of(len(drawn))
    return _read_at(folder, split, drawn[part.start : part.stop])


def _numbers(folder: Path, split: Split, wanted: Callable[[Record], bool]) -> array[int]:
    """Positions of the wanted records in the file of a split.

    Raises:
        DatasetRejected: when the split is missing or empty.
    """
    numbers, number = array("q"), -1
    for number, record in enumerate(read_jsonl(_path(folder, split), Record)):
        if wanted(record):
            numbers.append(number)
    if number < 0:
        raise _without(folder, split)
    return numbers


def _read_at(folder: Path, split: Split, numbers: array[int]) -> list[Record]:
    chosen = set(numbers)
    rows = enumerate(read_jsonl(_path(folder, split), Record))
    found = {number: record for number, record in rows if number in chosen}
    return [found[number] for number in numbers]


def _path(folder: Path, split: Split) -> Path:
    path = folder / f"{split}.jsonl"
    if not path.exists():
        raise _without(folder, split)
    return path


def _without(folder: Path, split: Split) -> DatasetRejected:
    found = sorted(file.name for file in folder.glob("*"))
    return DatasetRejected(
        f"the dataset channel has no {split} records (it holds {found}); "
        f"{split}.jsonl with at least one record is needed: give the task more records"
    )


@dataclass(frozen=True)
class JudgedRecords:
    """Records whose answers can be scored: of all, those of one shard.

    Attributes:
        positions: That they have among all.
    """

    records: list[Record]
    positions: range
    total: int

    def drawn(self, limit: int | None, seed: int) -> list[Record]:
        """Of a `sample` of all, the records that are here."""
        order = sample(range(self.total), limit, seed)
        here, first = self.positions, self.positions.start
        return [self.records[place - first] for place in order if place in here]


def read_judged(folder: Path, split: Split, judge: Judge, shard: Shard = WHOLE) -> JudgedRecords:
    """Read the records of a split whose answers can be scored.

    Raises:
        DatasetRejected: when there are none in the split.
    """
    numbers = _numbers(folder, split, lambda record: judge.can_judge(record.gold))
    if not numbers:
        raise DatasetRejected(
            f"no {split} record has a gold answer, and the {judge.verifier.kind} verifier needs "
            "one; add gold answers, or use a regex verifier"
        )
    part = shard.of(len(numbers))
    records = _read_at(folder, split, numbers[part.start : part.stop])
    return JudgedRecords(records, part, len(numbers))


def sample(records: Sequence[Drawn], limit: int | None, seed: int) -> list[Drawn]:
    """Draw at most `limit` records, in an order that only the seed decides."""
    drawn = list(records)
    random.Random(seed).shuffle(drawn)
    return drawn if limit is None else drawn[:limit]


def ask(
    model: Teacher,
    records: Sequence[Record],
    judge: Judge,
    *,
    max_new_tokens: int,
    stop: Callable[[], bool],
    on_done: Callable[[int], None],
    messages_of: Callable[[Record], tuple[Message, ...]] = lambda record: record.messages,
    in_part: bool = False,
) -> Scored:
    """Ask a model every record's question, greedily, and score what it says.

    Args:
        in_part: The questions are some of a set, whose answers are counted together: none at all
            are no error.

    Raises:
        TeacherFailed: when it answered too few to say anything about its accuracy.
        BudgetExhausted: when there was no money for even one question.
    """
    requests = [
        Request(
            messages_of(record),
            max_new_tokens,
            tools=record.tools or (),
            tool_choice=record.tool_choice,
        )
        for record in records
    ]
    done = itertools.count(1)
    try:
        completions = model.generate(
            requests, stop=stop, on_answer=lambda _index, _completion: on_done(next(done))
        )
    except BudgetExhausted as error:
        if not in_part:
            raise
        _log.warning("%s is not asked: %s", model.name, error)
        completions = [None] * len(requests)
    answers = {
        index: GivenReply(
            record.messages,
            completion.whole,
            completion.finished,
            record.gold,
            tool_calls=completion.tool_calls,
        )
        for index, (record, completion) in enumerate(zip(records, completions, strict=True))
        if completion is not None
    }
    verdicts = dict(zip(answers, judge.verdicts(list(answers.values())), strict=True))
    scored = Scored(completions, [verdicts.get(i) for i in range(len(records))])
    return scored if in_part else enough(model, scored)


def enough(model: Teacher | Logs, scored: Scored) -> Scored:
    """Return the answers if they are enough to tell an accuracy.

    Raises:
        TeacherFailed: when they are too few.
    """
    if not isinstance(model, Logs):
        require_enough(scored.graded(model.name))
        return scored
    total = len(scored.completions)
    answered = sum(completion is not None for completion in scored.completions)
    judged = sum(outcome is not None for outcome in scored.outcomes)
    needed = min(FEWEST, total)
    if judged < needed:
        raise TeacherFailed(
            f"{answered} of {total} probe records have a logged reply and {judged} could be "
            f"judged; at least {needed} are needed: log more replies, or name a live teacher"
        )
    return scored
