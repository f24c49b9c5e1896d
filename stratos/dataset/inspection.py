"""A dataset read, cleaned, split and counted."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from stratos.dataset.lines import BrokenFileError, Readable, read_lines
from stratos.dataset.near_duplicates import NearDuplicates
from stratos.dataset.reading import DatasetReader, normalised
from stratos.dataset.splitting import GroupMember, assign_splits
from stratos.dataset.spool import Spool
from stratos.errors import DatasetRejected
from stratos.frozen import FrozenModel
from stratos.records import Record, Split
from stratos.scoring.verifiers import needs_gold
from stratos.spec import Task

SPLITS: tuple[Split, ...] = ("train", "probe", "heldout")


@dataclass(frozen=True)
class DataFile:
    """One file of the dataset, opened when its turn comes."""

    name: str
    open: Callable[[], Readable]


class Lengths(FrozenModel):
    """Lengths of texts, in characters."""

    mean: float
    p50: int
    p95: int
    max: int


class Inspection(FrozenModel):
    """`inspection.json`: what a dataset was found to be."""

    formats: dict[str, str]
    """File → format."""
    num_lines: int
    num_bad_lines: int
    bad_lines: tuple[str, ...]
    """The first few, as `file:line: what is wrong`."""
    num_exact_duplicates: int
    num_near_duplicates: int
    """Training records too like a held-out or probe record, left out."""
    num_contradictions: int
    """Among the exact duplicates: the same question with another answer; the first one counts."""
    num_groups: int
    num_records: dict[Split, int]
    num_gold: int
    prompt_characters: Lengths
    gold_characters: Lengths
    num_distinct_answers: int
    most_common_answer: str | None
    most_common_share: float
    """What a constant answer would score."""
    workloads: dict[str, int]


@dataclass
class _Intake:
    """What is kept in memory of every record on its way to the spool."""

    reader: DatasetReader
    spool: Spool
    members: list[GroupMember] = field(default_factory=list)
    golds: dict[bytes, bytes] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    num_duplicates: int = 0
    num_contradictions: int = 0

    def add(self, record: Record) -> None:
        question = _question_key(record)
        key, gold = _digest(question), _digest(record.gold or "")
        first = self.golds.setdefault(key, gold)
        if first is not gold:
            self.num_duplicates += 1
            self.num_contradictions += first != gold
            return
        if record.id in self.ids:
            self.reader.report(record.provenance, f"the id {record.id!r} is another record's too")
            return
        self.ids.add(record.id)
        judged = record.gold is not None or not needs_gold(self.reader.task.verifier)
        group = f"group:{record.group}" if record.group else f"question:{key.hex()}"
        self.members.append(GroupMember(group, judged))
        self.spool.append(record)


def inspect_dataset(files: Iterable[DataFile], task: Task, folder: Path) -> Inspection:
    """Read the files and write train.jsonl, probe.jsonl and heldout.jsonl into `folder`.

    Raises:
        DatasetRejected: naming bad lines, or counting what is too few.
    """
    reader = DatasetReader(task)
    with Spool(folder / ".spool.jsonl") as spool:
        intake = _Intake(reader, spool)
        for file in files:
            lines = read_lines(file.open(), gzipped=file.name.endswith(".gz"))
            try:
                for record in reader.read(file.name, lines):
                    intake.add(record)
            except BrokenFileError as error:
                raise DatasetRejected(f"{file.name}: {error}") from error
        _check_lines(reader)
        splits, left_out = _split(spool, intake.members, task)
        inspection = _write(folder, intake, splits, left_out)
    (folder / ".spool.jsonl").unlink()
    return inspection


def _check_lines(reader: DatasetReader) -> None:
    if reader.num_bad_lines and reader.task.on_bad_line == "stop":
        shown = "\n".join(f"- {line}" for line in reader.bad_lines)
        more = reader.num_bad_lines - len(reader.bad_lines)
        rest = f"\n- and {more} more" if more else ""
        raise DatasetRejected(
            f"{reader.num_bad_lines} of {reader.num_lines} lines cannot be read:\n{shown}{rest}\n"
            "Mend them, or set task.on_bad_line: skip"
        )
    if not reader.num_lines:
        raise DatasetRejected("the dataset is empty; put one JSON object on each line")


def _split(
    spool: Spool, members: Sequence[GroupMember], task: Task
) -> tuple[list[Split], frozenset[int]]:
    """Split, and find what must be left out lest it leak what is asked later.

    A probe record like a held-out one loses its place to another, and both it and the training
    records like anything held out or probing are left out.
    """
    clashes: set[int] = set()
    while True:
        splits = assign_splits(members, task, clashes=clashes)
        index = NearDuplicates()
        for i, split in enumerate(splits):
            if split == "heldout":
                index.add(spool[i])
        probing = [i for i, split in enumerate(splits) if split == "probe"]
        found = {i for i in probing if index.holds_one_like(spool[i])}
        if not found:
            break
        clashes |= found
    for i in probing:
        index.add(spool[i])
    left_out = frozenset(
        i for i, split in enumerate(splits) if split == "train" and index.holds_one_like(spool[i])
    )
    return splits, left_out


def _write(
    folder: Path, intake: _Intake, splits: Sequence[Split], left_out: frozenset[int]
) -> Inspection:
    prompts: list[int] = []
    golds: list[int] = []
    answers: Counter[str] = Counter()
    workloads: Counter[str] = Counter()
    counts: Counter[Split] = Counter()
    sides: dict[str, Split] = {}
    with ExitStack() as stack:
        outputs = {
            split: stack.enter_context((folder / f"{split}.jsonl").open("w", encoding="utf-8"))
            for split in SPLITS
        }
        for i, record in enumerate(intake.spool):
            if i in left_out:
                continue
            split = splits[i]
            if sides.setdefault(intake.members[i].group, split) != split:
                raise AssertionError(f"group {intake.members[i].group} leaks into {split}")
            row = record.model_copy(update={"split": split})
            outputs[split].write(row.model_dump_json(exclude_none=True) + "\n")
            counts[split] += 1
            prompts.append(sum(len(message.content) for message in record.messages))
            if record.gold is not None:
                golds.append(len(record.gold))
                answers[record.gold] += 1
            if record.workload is not None:
                workloads[record.workload] += 1
    common = answers.most_common(1)
    return Inspection(
        formats=dict(intake.reader.formats),
        num_lines=intake.reader.num_lines,
        num_bad_lines=intake.reader.num_bad_lines,
        bad_lines=tuple(intake.reader.bad_lines),
        num_exact_duplicates=intake.num_duplicates,
        num_near_duplicates=len(left_out),
        num_contradictions=intake.num_contradictions,
        num_groups=len(sides),
        num_records={split: counts[split] for split in SPLITS},
        num_gold=len(golds),
        prompt_characters=_lengths(prompts),
        gold_characters=_lengths(golds),
        num_distinct_answers=len(answers),
        most_common_answer=common[0][0][:200] if common else None,
        most_common_share=common[0][1] / len(golds) if common else 0.0,
        workloads=dict(workloads),
    )


def _lengths(values: list[int]) -> Lengths:
    if not values:
        return Lengths(mean=0, p50=0, p95=0, max=0)
    ordered = sorted(values)
    at = {share: ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.95)}
    return Lengths(mean=sum(values) / len(values), p50=at[0.5], p95=at[0.95], max=ordered[-1])


def _question_key(record: Record) -> str:
    """Everything that is asked, normalised: the system prompt and earlier turns belong to it."""
    return "\n".join(f"{m.role}: {normalised(m.content)}" for m in record.messages)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]
