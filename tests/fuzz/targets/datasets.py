"""A dataset's file: every format that is read, in every kind of file, inspected and split."""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from stratos.contracts.records import SPLITS, Record, read_jsonl
from stratos.dataset.inspect_dataset import inspect_dataset
from stratos.dataset.lines import DataFile
from stratos.spec import Task
from tests.fuzz.mutations import mutated, mutated_bytes
from tests.fuzz.target import outcome
from tests.unit.stratos.dataset.formats.rows import ROWS, UNANSWERED

CORPUS = Path(__file__).parents[1] / "corpus" / "rows.jsonl"
_WORDS = (
    "red",
    "blue",
    "green",
    "old",
    "new",
    "slow",
    "fast",
    "near",
    "far",
    "tall",
    "round",
    "warm",
)
_NUM_ROWS = 130
_ID = re.compile(r'"(1|t|c|r|x)"')
"""Of a record, trace or conversation in the rows: each row gets its own."""
_TASK: dict[str, Any] = {
    "dataset": "d",
    "probe_records": 20,
    "heldout_records": 50,
    "on_bad_line": "skip",
    "max_bad_share": 0.5,
}
_MOST_CHANGED = 6
_AS_BYTES = 0.15
_VERIFIERS: tuple[dict[str, Any], ...] = (
    {"verifier": {"kind": "exact"}},
    {"verifier": {"kind": "number"}, "redact": ["all"], "phone_regions": ["DE"]},
    {"verifier": {"kind": "set"}, "learn": "all"},
    {"verifier": {"kind": "tool_call"}, "learn": "all"},
    {"verifier": {"kind": "json"}, "max_history_characters": 40},
    {"verifier": {"kind": "normalised"}, "redact": ["email", "iban"]},
)


@dataclass(frozen=True)
class DatasetFile:
    """A file, and how a spec would have it read.

    Attributes:
        rows: What it was made of; None once its bytes were changed.
    """

    name: str
    content: bytes
    rows: tuple[Any, ...]
    task: int


class Datasets:
    """Files of rows, most of which are as they were."""

    name = "dataset"
    inputs_per_process = None

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="stratos-fuzz-")
        self._count = 0

    def parents(self) -> Sequence[DatasetFile]:
        kinds = [(name, row) for name in sorted(ROWS) for row in ROWS[name]]
        kinds += [(name, row) for name in sorted(UNANSWERED) for row in UNANSWERED[name][:1]]
        plain = [(ROWS[name][0], row) for name, row in kinds]
        plain += [(row, row) for row in map(json.loads, CORPUS.read_text().splitlines())]
        return [
            self._accepted([*_answered(usual, _NUM_ROWS), *_answered(row, 8, _NUM_ROWS)], place)
            for place, (usual, row) in enumerate(plain)
        ]

    def _accepted(self, rows: Sequence[Any], place: int) -> DatasetFile:
        """A file of the rows that is accepted; each of them is of another kind, if it can be."""
        suffix = _SUFFIXES[place % len(_SUFFIXES)]
        if suffix in _FLAT_ONLY and not _is_flat(rows):
            suffix = ".jsonl"
        for task in range(place, place + len(_VERIFIERS)):
            file = _file(suffix, rows, task % len(_VERIFIERS))
            if outcome(self, file).verdict == "accepted":
                return file
        raise AssertionError(f"no verifier accepts {rows[-1]} as {suffix}")

    def mutate(self, parent: DatasetFile, chance: random.Random) -> DatasetFile:
        if chance.random() < _AS_BYTES:
            content = mutated_bytes(parent.content, chance)
            return DatasetFile(parent.name, content, (), parent.task)
        rows = list(parent.rows)
        # Each once: what is deep already is too deep for a second change.
        most = min(_MOST_CHANGED, len(rows))
        for place in chance.sample(range(len(rows)), chance.randint(1, most)):
            rows[place] = mutated(rows[place], chance)
        suffix = parent.name.removeprefix("d")
        if suffix in _FLAT_ONLY and not _is_flat(rows):
            suffix = ".jsonl"
        return _file(suffix, rows, parent.task)

    def size(self, given: DatasetFile) -> int:
        return len(given.content)

    def run(self, given: DatasetFile) -> None:
        self._count += 1
        folder = Path(self._folder.name, str(self._count))
        folder.mkdir()
        try:
            task = Task.model_validate(_TASK | _VERIFIERS[given.task])
            file = DataFile(given.name, partial(io.BytesIO, given.content))
            inspect_dataset([file], task, folder).model_dump_json()
            for split in SPLITS:
                for record in read_jsonl(folder / f"{split}.jsonl", Record):
                    assert record.messages
        finally:
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()

    def close(self) -> None:
        self._folder.cleanup()


def _answered(row: Any, count: int, first: int = 0) -> Iterator[Any]:
    """The same row with other words and numbers, so that none is a duplicate."""
    written = json.dumps(row)
    for number in range(first, first + count):
        chance = random.Random(number)
        words = " ".join(chance.choice(_WORDS) for _ in range(10))
        asked = written.replace("2+2?", f"{number} {words}?")
        yield json.loads(_ID.sub(rf'"\g<1>{number}"', asked))


def _file(suffix: str, rows: Sequence[Any], task: int) -> DatasetFile:
    return DatasetFile(f"d{suffix}", _WRITERS[suffix](rows), tuple(rows), task)


def _lines(rows: Sequence[Any]) -> bytes:
    return b"".join(_json(row) + b"\n" for row in rows)


def _array(rows: Sequence[Any]) -> bytes:
    return b"[" + b",\n".join(map(_json, rows)) + b"]"


def _over_lines(rows: Sequence[Any]) -> bytes:
    return b"\n".join(_json(row).replace(b"{", b"{\n", 1) for row in rows)


def _json(row: Any) -> bytes:
    try:
        return json.dumps(row).encode()
    except RecursionError:
        return _written_flat(row).encode()


def _written_flat(row: Any) -> str:
    """Deeper than `json` writes: the way down, and what lies beside it left out."""
    opened, closed = [], []
    while isinstance(row, dict | list) and row:
        key = next(iter(row)) if isinstance(row, dict) else 0
        opened.append(f"{{{json.dumps(key)}:" if isinstance(row, dict) else "[")
        closed.append("}" if isinstance(row, dict) else "]")
        row = row[key]
    return "".join(opened) + "1" + "".join(reversed(closed))


def _table(separator: str) -> Callable[[Sequence[Any]], bytes]:
    def write(rows: Sequence[Any]) -> bytes:
        names = list(rows[0])
        lines = [separator.join(map(_field, names))]
        lines += [separator.join(_field(row.get(name, "")) for name in names) for row in rows]
        return "\n".join(lines).encode("utf-8", "surrogatepass") + b"\n"

    return write


def _field(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return '"' + text.replace('"', '""') + '"' if set(text) & set('",\n\t') else text


def _is_flat(rows: Sequence[Any]) -> bool:
    return all(
        isinstance(row, dict) and not any(isinstance(one, dict | list) for one in row.values())
        for row in rows
    )


def _gzipped(write: Callable[[Sequence[Any]], bytes]) -> Callable[[Sequence[Any]], bytes]:
    return lambda rows: gzip.compress(write(rows), mtime=0)


def _parquet(rows: Sequence[Any]) -> bytes:
    """DuckDB's own file of these rows, each column as text."""
    import duckdb

    names = sorted({name for row in rows for name in row if name.strip() and _is_name(name)})
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as database:
        columns = ", ".join(f"c{n} VARCHAR" for n in range(len(names)))
        database.execute(f"CREATE TABLE t ({columns})")
        texts = [[_cell(row.get(name)) for name in names] for row in rows]
        marks = ", ".join("?" * len(names))
        database.executemany(f"INSERT INTO t VALUES ({marks})", texts)
        quoted = ((n, name.replace('"', '""')) for n, name in enumerate(names))
        shown = ", ".join(f'c{n} AS "{name}"' for n, name in quoted)
        path = Path(folder, "d.parquet")
        database.execute(f"COPY (SELECT {shown} FROM t) TO '{path}' (FORMAT parquet)")
        return path.read_bytes()


def _is_name(text: str) -> bool:
    """Whether DuckDB can write a column of this name: of Unicode, without its null."""
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)


def _cell(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "replace").decode()


_WRITERS: dict[str, Callable[[Sequence[Any]], bytes]] = {
    ".jsonl": _lines,
    ".json": _array,
    ".jsonl.gz": _gzipped(_lines),
    ".csv": _table(","),
    ".json.gz": _gzipped(_over_lines),
    ".tsv.gz": _gzipped(_table("\t")),
    ".parquet": _parquet,
}
_SUFFIXES = tuple(_WRITERS)
_FLAT_ONLY = (".csv", ".tsv.gz", ".parquet")
