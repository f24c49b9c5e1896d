"""Reading, cleaning, splitting and counting a dataset, in memory that does not grow with it."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from stratos.contracts.records import SPLITS, Split
from stratos.dataset.allowance import UNLIMITED, Allowance
from stratos.dataset.batch_halves import BatchHalves
from stratos.dataset.csv_files import csv_rows
from stratos.dataset.documents import json_rows
from stratos.dataset.facts import Facts, facts_of
from stratos.dataset.formats.row import Row, RowError
from stratos.dataset.inspection import AnswerShare, Inspection
from stratos.dataset.ledger import Duplicates, Group, Ledger, digest
from stratos.dataset.left_out import LeftOutRows
from stratos.dataset.lines import BrokenFileError, Readable
from stratos.dataset.lines import DataFile as DataFile
from stratos.dataset.near_duplicates import NearDuplicates
from stratos.dataset.parquet import read_rows
from stratos.dataset.reading import DatasetEntry, DatasetReader
from stratos.dataset.s3_bodies import S3Bodies, is_body
from stratos.dataset.splitting import MIN_TRAIN_RECORDS, deal, shortage
from stratos.dataset.spool import BUFFER_BYTES, Spool, line_of, record_of
from stratos.dataset.tally import Tally
from stratos.dataset.tool_texts import ToolTexts
from stratos.errors import DatasetRejected
from stratos.scoring.verifiers import needs_gold
from stratos.spec import Task

_ROWS_BETWEEN_CLOCKS = 1000
_END = b"}\n"
"""Of a record's line in the spool. What is added goes before it: to write it anew takes longer."""
_ASSIGNED = {split: f',"split":"{split}"'.encode() for split in SPLITS}
_COMMON_ANSWERS = 20
_SHOWN_CHARACTERS = 200

Refuse = Callable[[str], None]
"""Told why a dataset cannot be used."""


@dataclass(frozen=True)
class _Sides:
    """The groups kept back from training; the index holds the records of both splits."""

    heldout: frozenset[bytes]
    probe: frozenset[bytes]
    index: NearDuplicates
    golds: dict[bytes | None, str | None]
    """Digest → gold answer, of what is in both."""

    def split(self, group: bytes) -> Split:
        if group in self.heldout:
            return "heldout"
        return "probe" if group in self.probe else "train"

    def one_like(self, gold: bytes | None, facts: Facts, line: bytes) -> str | None:
        """Where the record came from that a line's record resembles; None if there is none."""
        if gold not in self.golds:
            return None
        return self.index.one_like(facts.question(line), self.golds[gold])


def reject(reason: str) -> None:
    """Raise DatasetRejected."""
    raise DatasetRejected(reason)


def inspect_dataset(
    files: Iterable[DataFile],
    task: Task,
    folder: Path,
    allowance: Allowance = UNLIMITED,
    refuse: Refuse = reject,
) -> Inspection:
    """Read the files and write train.jsonl, probe.jsonl and heldout.jsonl into `folder`.

    Args:
        refuse: If it raises nothing, the dataset is inspected to its end all the same.

    Raises:
        DatasetRejected: naming bad lines, counting what is too few, or saying what is too large.
    """
    listed = list(files)
    with (
        Spool(folder / ".spool") as spool,
        Ledger(folder / ".ledger") as ledger,
        BatchHalves(folder / ".halves") as halves,
    ):
        reader = DatasetReader(task, S3Bodies.of(listed), halves)
        for file in listed:
            if not is_body(file.name):
                _read(file, folder, reader, spool, ledger, allowance)
        _enter(reader, reader.read_halves(), spool, ledger)
        duplicates = ledger.drop_repeated_questions()
        ledger.tie_conversations()
        _check_lines(reader, refuse)
        left_out = LeftOutRows()
        left_out.add_repeats(duplicates, ledger, spool)
        ledger.close_entry()
        sides = _split(reader, spool, ledger, refuse)
        common = [spool.at(place).gold or "" for place in ledger.common_golds(_COMMON_ANSWERS)]
        tally = _write(folder, reader, spool, ledger, sides, allowance, left_out)
        if tally.num_near_duplicates and tally.num_records["train"] < MIN_TRAIN_RECORDS:
            refuse(
                f"only {tally.num_records['train']} records are left to train on, and "
                f"{MIN_TRAIN_RECORDS} are needed: the others are near-duplicates of held-out or "
                "probe records. Add records that differ, or give variants one `group`"
            )
        left_out.add_bad_lines(reader)
        return _inspection(reader, duplicates, tally, ledger, common, left_out)


def _read(
    file: DataFile,
    folder: Path,
    reader: DatasetReader,
    spool: Spool,
    ledger: Ledger,
    allowance: Allowance,
) -> None:
    try:
        with closing(file.open()) as stream:
            rows = _rows(file.name, stream, folder, spool, allowance)
            watched = _watched(rows, reader, spool, allowance)
            _enter(reader, reader.read(file.name, watched), spool, ledger)
    except BrokenFileError as error:
        told = reader.redactor.problem(str(error))
        raise DatasetRejected(f"{file.name}: {told}") from error


def _enter(
    reader: DatasetReader, entries: Iterable[DatasetEntry], spool: Spool, ledger: Ledger
) -> None:
    needed, tool_texts = needs_gold(reader.task.verifier), ToolTexts()
    for entry in entries:
        judged = entry.record.gold is not None or not needed
        line = line_of(entry.record)
        texts = tool_texts.of(entry.record)
        note = facts_of(entry.record, line, texts).written()
        ledger.add(entry, judged, spool.append(line, note), texts)


def _rows(
    name: str, stream: Readable, folder: Path, spool: Spool, allowance: Allowance
) -> Iterable[bytes | Row | RowError]:
    gzipped = name.endswith(".gz")
    name = name.removesuffix(".gz")
    if name.endswith(".parquet"):
        return read_rows(stream, folder, allowance, lambda: spool.num_bytes)
    if name.endswith((".csv", ".tsv")):
        separator = "," if name.endswith(".csv") else "\t"
        return csv_rows(stream, gzipped=gzipped, separator=separator)
    return json_rows(stream, gzipped=gzipped)


def _watched(
    rows: Iterable[bytes | Row | RowError],
    reader: DatasetReader,
    spool: Spool,
    allowance: Allowance,
) -> Iterator[bytes | Row | RowError]:
    for number, row in enumerate(rows):
        yield row
        allowance.check_bytes(spool.num_bytes, reader.num_lines)
        if number % _ROWS_BETWEEN_CLOCKS == 0:
            allowance.check_seconds(spool.num_bytes, reader.num_lines)


def _check_lines(reader: DatasetReader, refuse: Refuse) -> None:
    task, bad = reader.task, reader.num_bad_lines
    skips = task.on_bad_line == "skip"
    if bad > (task.max_bad_share * reader.num_lines if skips else 0):
        shown = "\n".join(f"- {line}" for line in reader.bad_lines)
        more = bad - len(reader.bad_lines)
        kinds = "; ".join(f"{num} × {kind}" for kind, num in reader.bad_kinds.commonest().items())
        rest = f"\n- and {more} more\nBy kind: {kinds}" if more else ""
        allowed = (
            f"Fix them, or raise task.max_bad_share, which allows {task.max_bad_share:.0%}"
            if skips
            else "Fix them, or set task.on_bad_line: skip"
        )
        refuse(f"{bad} of {reader.num_lines} lines cannot be read:\n{shown}{rest}\n{allowed}")
    if not reader.num_lines:
        raise DatasetRejected("the dataset is empty; put one JSON object on each line")


def _split(reader: DatasetReader, spool: Spool, ledger: Ledger, refuse: Refuse) -> _Sides:
    """Pick the held-out groups, then probe groups that resemble none of them; train on the rest."""
    task, index = reader.task, NearDuplicates()
    heldout = deal(ledger.groups(), task.heldout_records, refuse=lambda group: False)
    _add_all(index, heldout.keys, spool, ledger)

    def leaks(group: Group) -> bool:
        return group.key in heldout.keys or any(
            index.holds_one_like(spool.at(place)) for place in ledger.places(group.key)
        )

    probe = deal(ledger.groups(), task.probe_records, refuse=leaks)
    wanted: dict[Split, int] = {
        "heldout": task.heldout_records,
        "probe": task.probe_records,
        "train": MIN_TRAIN_RECORDS,
    }
    num_heldout, num_probe = wanted["heldout"] - heldout.missing, wanted["probe"] - probe.missing
    counts = ledger.num_kept()
    found: dict[Split, int] = {
        "heldout": num_heldout,
        "probe": num_probe,
        "train": counts[0] - num_heldout - num_probe,
    }
    if problem := shortage(counts, wanted, found, reader.no_answer):
        refuse(problem)
    _add_all(index, probe.keys, spool, ledger)
    golds = {None if gold is None else digest(gold): gold for gold in index.golds}
    return _Sides(heldout.keys, probe.keys, index, golds)


def _add_all(index: NearDuplicates, keys: frozenset[bytes], spool: Spool, ledger: Ledger) -> None:
    for place in sorted(place for key in keys for place in ledger.places(key)):
        index.add(spool.at(place))


def _write(
    folder: Path,
    reader: DatasetReader,
    spool: Spool,
    ledger: Ledger,
    sides: _Sides,
    allowance: Allowance,
    left_out: LeftOutRows,
) -> Tally:
    """Write each split, without training records that resemble a held-out or probe record."""
    tally = Tally()
    near = array("q")
    with ExitStack() as stack:
        outputs = {
            split: stack.enter_context((folder / f"{split}.jsonl").open("wb", BUFFER_BYTES))
            for split in SPLITS
        }
        for (note, line), row in zip(spool.drain(), ledger.rows(), strict=True):
            if row.number % _ROWS_BETWEEN_CLOCKS == 0:
                allowance.check_seconds(spool.num_bytes, reader.num_lines)
            if not row.kept:
                continue
            split, facts = sides.split(row.group), Facts.read(note)
            if split == "train":
                original = sides.one_like(row.gold, facts, line)
                if original is not None:
                    near.append(row.number)
                    left_out.add_leak(record_of(line), original)
                    continue
            if row.nth is not None:
                record = record_of(line)
                own = _own_id(record.id, row.nth, ledger)
                line = line_of(record.model_copy(update={"id": own}))
            added = _ASSIGNED[split]
            if row.in_conversation and not facts.shape.has_group:
                added += b',"group":"%b"' % row.group.hex().encode()
            outputs[split].write(added.join((line[: -len(_END)], _END)))
            tally.add(facts, split)
    tally.settle()
    tally.num_near_duplicates = len(near)
    ledger.drop(near)
    return tally


def _own_id(id_: str, nth: int, ledger: Ledger) -> str:
    """An id that no other record has."""
    own = f"{id_}#{nth}"
    while ledger.holds_id(own):
        own += "#"
    return own


def _inspection(
    reader: DatasetReader,
    duplicates: Duplicates,
    tally: Tally,
    ledger: Ledger,
    common: list[str],
    left_out: LeftOutRows,
) -> Inspection:
    golds, counts = ledger.golds(), ledger.num_with(common)
    return Inspection(
        formats=dict(reader.formats),
        num_lines=reader.num_lines,
        num_bad_lines=reader.num_bad_lines,
        bad_lines=tuple(reader.bad_lines),
        bad_line_kinds=reader.bad_kinds.commonest(),
        num_exact_duplicates=duplicates.num_repeated,
        num_near_duplicates=tally.num_near_duplicates,
        num_contradictions=duplicates.num_contradictions,
        num_repeated_ids=ledger.num_repeated_ids(),
        num_shortened=reader.num_shortened,
        num_prompts_in_turns=reader.markup["turns"],
        num_prompts_in_markup=reader.markup["left"],
        no_answer={why: reader.no_answer[why] for why in sorted(reader.no_answer)},
        num_groups=ledger.num_kept()[2],
        num_records={split: tally.num_records[split] for split in SPLITS},
        num_gold=golds.num,
        num_replies={split: tally.num_replies[split] for split in SPLITS},
        prompt_characters=tally.prompts.summary(),
        gold_characters=tally.golds.summary(),
        num_distinct_answers=golds.num_distinct,
        most_common_answer=common[0][:_SHOWN_CHARACTERS] if common else None,
        most_common_share=counts[0] / golds.num if golds.num and counts else 0.0,
        workloads=dict(tally.workloads.counts),
        left_out=left_out.summary(),
        common_answers=tuple(
            AnswerShare(answer=answer[:_SHOWN_CHARACTERS], num=num)
            for answer, num in zip(common, counts, strict=True)
            if num
        ),
        conversations=tally.conversations.summary(),
        redacted=reader.redactor.told(),
        num_redacted_records=reader.redactor.num_records,
    )
