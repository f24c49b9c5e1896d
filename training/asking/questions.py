"""The questions of a split: reading them, asking a model, scoring its answers."""

from __future__ import annotations

import itertools
import random
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stratos.contracts.messages import Message
from stratos.contracts.records import Record, Split, read_jsonl
from stratos.errors import DatasetRejected, TeacherFailed
from stratos.scoring.reply import Reason, ReplyVerdict
from stratos.spec import Logs
from stratos.statistics.wilson import Proportion, proportion_of
from training.judging.judge import GivenReply, Judge
from training.teachers.teacher import Completion, Request, Teacher

_FEWEST = 20
"""With fewer answers an accuracy says nothing."""


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

    @property
    def mean_prompt_tokens(self) -> float:
        counts = [one.prompt_tokens for one in self.completions if one is not None]
        return sum(counts) / max(1, len(counts))


def read_split(folder: Path, split: Split) -> list[Record]:
    """Read the records of one split from the dataset channel.

    Raises:
        DatasetRejected: when it is missing or empty.
    """
    records = list(read_jsonl(_path(folder, split), Record))
    if not records:
        raise _without(folder, split)
    return records


def read_drawn(
    folder: Path,
    split: Split,
    limit: int | None,
    seed: int,
    wanted: Callable[[Record], bool] = lambda record: True,
) -> list[Record]:
    """`sample` those of a split's records that are wanted, with no others in memory.

    Raises:
        DatasetRejected: when the split is missing or empty.
    """
    if limit is None:
        return sample([one for one in read_split(folder, split) if wanted(one)], None, seed)
    path, numbers, number = _path(folder, split), array("q"), -1
    for number, record in enumerate(read_jsonl(path, Record)):
        if wanted(record):
            numbers.append(number)
    if number < 0:
        raise _without(folder, split)
    random.Random(seed).shuffle(numbers)
    drawn = numbers[:limit]
    chosen = set(drawn)
    found = {
        number: record for number, record in enumerate(read_jsonl(path, Record)) if number in chosen
    }
    return [found[number] for number in drawn]


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


def read_judged(folder: Path, split: Split, judge: Judge) -> list[Record]:
    """Read the records of a split whose answers can be scored.

    Raises:
        DatasetRejected: when there are none.
    """
    records = [one for one in read_split(folder, split) if judge.can_judge(one.gold)]
    if not records:
        raise DatasetRejected(
            f"no {split} record has a gold answer, and the {judge.verifier.kind} verifier needs "
            "one; add gold answers, or use a regex verifier"
        )
    return records


def sample(records: Sequence[Record], limit: int | None, seed: int) -> list[Record]:
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
) -> Scored:
    """Ask a model every record's question, greedily, and score what it says.

    Raises:
        TeacherFailed: when it answered too few to say anything about its accuracy.
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
    completions = model.generate(
        requests, stop=stop, on_answer=lambda _index, _completion: on_done(next(done))
    )
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
    return enough(model, Scored(completions, [verdicts.get(i) for i in range(len(records))]))


def enough(model: Teacher | Logs, scored: Scored) -> Scored:
    """Return the answers if they are enough to tell an accuracy.

    Raises:
        TeacherFailed: when they are too few.
    """
    total = len(scored.completions)
    answered = sum(completion is not None for completion in scored.completions)
    judged = sum(outcome is not None for outcome in scored.outcomes)
    needed = min(_FEWEST, total)
    if judged < needed and isinstance(model, Logs):
        raise TeacherFailed(
            f"{answered} of {total} probe records have a logged reply and {judged} could be "
            f"judged; at least {needed} are needed: log more replies, or name a live teacher"
        )
    if judged < needed:
        raise TeacherFailed(
            f"{answered} of {total} questions were answered by {model.name} and {judged} scored "
            f"before the job had to end; at least {needed} are needed: allow more hours, a higher "
            "budget, or a larger server"
        )
    return scored
