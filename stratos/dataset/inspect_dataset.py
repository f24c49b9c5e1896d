"""Reading, cleaning, splitting and counting a dataset, in memory that does not grow with it."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from stratos.contracts.records import SPLITS, Split
from stratos.dataset.allowance import UNLIMITED, Allowance
from stratos.dataset.formats import Row, RowError
from stratos.dataset.inspection import AnswerShare, Inspection
from stratos.dataset.ledger import Duplicates, Group, Ledger
from stratos.dataset.left_out import LeftOutRows
from stratos.dataset.lines import BrokenFileError, Readable, read_lines
from stratos.dataset.near_duplicates import NearDuplicates
from stratos.dataset.parquet import read_rows
from stratos.dataset.reading import MAX_SHOWN, DatasetReader, normalised
from stratos.dataset.splitting import MIN_TRAIN_RECORDS, deal, shortage
from stratos.dataset.spool import Spool
from stratos.dataset.tally import Tally
from stratos.errors import DatasetRejected
from stratos.scoring.verifiers import needs_gold
from stratos.spec import Task

_ROWS_BETWEEN_CLOCKS = 1000
_END = b"}\n"
"""Of a record's line in the spool. Its split goes before it; to write it anew takes longer."""
_ASSIGNED = {split: f',"split":"{split}"'.encode() for split in SPLITS}
_COMMON_ANSWERS = 20
_SHOWN_CHARACTERS = 200

Refuse = Callable[[str], None]
"""Told why a dataset cannot be used."""


@dataclass(frozen=True)
class DataFile:
    """One file of the dataset, opened when its turn comes."""

    name: str
    open: Callable[[], Readable]


@dataclass(frozen=True)
class _Sides:
    """The groups kept back from training; the index holds the records of both splits."""

    heldout: frozenset[bytes]
    probe: frozenset[bytes]
    index: NearDuplicates

    def split(self, group: bytes) -> Split:
        if group in self.heldout:
            return "heldout"
        return "probe" if group in self.probe else "train"


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
    reader = DatasetReader(task)
    with Spool(folder / ".spool") as spool, Ledger(folder / ".ledger") as ledger:
        for file in files:
            _read(file, folder, reader, spool, ledger, allowance)
        duplicates = ledger.drop_repeated_questions()
        _report_repeated_ids(reader, spool, ledger)
        _check_lines(reader, refuse)
        left_out = LeftOutRows()
        left_out.add_repeats(duplicates, ledger, spool)
        ledger.close_entry()
        sides = _split(spool, ledger, task, refuse)
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
    needed = needs_gold(reader.task.verifier)
    try:
        rows = _watched(_rows(file, folder, spool, allowance), reader, spool, allowance)
        for record in reader.read(file.name, rows):
            question = "\n".join(f"{m.role}: {normalised(m.content)}" for m in record.messages)
            judged = record.gold is not None or not needed
            ledger.add(record, question, judged, spool.append(record))
    except BrokenFileError as error:
        raise DatasetRejected(f"{file.name}: {error}") from error


def _rows(
    file: DataFile, folder: Path, spool: Spool, allowance: Allowance
) -> Iterable[bytes | Row | RowError]:
    if file.name.endswith(".parquet"):
        return read_rows(file.open(), folder, allowance, lambda: spool.num_bytes)
    return read_lines(file.open(), gzipped=file.name.endswith(".gz"))


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


def _report_repeated_ids(reader: DatasetReader, spool: Spool, ledger: Ledger) -> None:
    count, places = ledger.drop_repeated_ids(MAX_SHOWN)
    for place in places:
        record = spool.at(place)
        reader.report(record.provenance, f"the id {record.id!r} is another record's too")
    reader.num_bad_lines += count - len(places)


def _check_lines(reader: DatasetReader, refuse: Refuse) -> None:
    if reader.num_bad_lines and reader.task.on_bad_line == "stop":
        shown = "\n".join(f"- {line}" for line in reader.bad_lines)
        more = reader.num_bad_lines - len(reader.bad_lines)
        rest = f"\n- and {more} more" if more else ""
        refuse(
            f"{reader.num_bad_lines} of {reader.num_lines} lines cannot be read:\n{shown}{rest}\n"
            "Fix them, or set task.on_bad_line: skip"
        )
    if not reader.num_lines:
        raise DatasetRejected("the dataset is empty; put one JSON object on each line")


def _split(spool: Spool, ledger: Ledger, task: Task, refuse: Refuse) -> _Sides:
    """Pick the held-out groups, then probe groups that resemble none of them; train on the rest."""
    index = NearDuplicates()
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
    if problem := shortage(counts, wanted, found):
        refuse(problem)
    _add_all(index, probe.keys, spool, ledger)
    return _Sides(heldout.keys, probe.keys, index)


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
            split: stack.enter_context((folder / f"{split}.jsonl").open("wb")) for split in SPLITS
        }
        spooled = zip(spool.drain(), ledger.rows(), strict=True)
        for (record, line), (number, group, kept) in spooled:
            if number % _ROWS_BETWEEN_CLOCKS == 0:
                allowance.check_seconds(spool.num_bytes, reader.num_lines)
            if not kept:
                continue
            split = sides.split(group)
            if split == "train" and (original := sides.index.one_like(record)) is not None:
                near.append(number)
                left_out.add_leak(record, original)
                continue
            outputs[split].write(_ASSIGNED[split].join((line[: -len(_END)], _END)))
            tally.add(record, split)
    tally.num_near_duplicates = len(near)
    ledger.drop(near)
    return tally


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
        num_exact_duplicates=duplicates.num_repeated,
        num_near_duplicates=tally.num_near_duplicates,
        num_contradictions=duplicates.num_contradictions,
        num_groups=ledger.num_kept()[2],
        num_records={split: tally.num_records[split] for split in SPLITS},
        num_gold=golds.num,
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
    )
