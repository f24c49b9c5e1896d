"""Reading a dataset row by row into canonical records; bad lines are reported by number."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pydantic_core import from_json

from stratos.contracts.records import Record
from stratos.dataset.formats import ParsedRow, Row, RowError, detect_format, read_row
from stratos.dataset.lines import MAX_LINE_BYTES
from stratos.scoring.reply import read_reply
from stratos.spec import FormatName, Task

MAX_SHOWN = 20
"""Bad lines that a message or an inspection quotes."""


_FOLDED_ASCII = bytes(
    ord(" ") if chr(byte).isspace() else ord(chr(byte).lower()) for byte in range(128)
) + bytes(128)


def normalised(text: str) -> str:
    """Text in the form in which duplicates are compared: NFKC, case folded, single spaces.

    Punctuation stays, since `3+4` and `34` are different questions.
    """
    if not text.isascii():
        return " ".join(words_of(text))
    # The same in one pass over the bytes: most of inspection's time was spent here.
    folded = text.encode("ascii").translate(_FOLDED_ASCII)
    single = b" ".join(folded.split()) if b"  " in folded else folded.strip()
    return single.decode("ascii")


def words_of(text: str) -> list[str]:
    """The words of the normalised text."""
    folded = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return folded.split()


@dataclass
class DatasetReader:
    """Turns rows into records and keeps count of what it could not read."""

    task: Task
    formats: dict[str, FormatName] = field(default_factory=dict)
    """File → format."""
    num_lines: int = 0
    num_bad_lines: int = 0
    bad_lines: list[str] = field(default_factory=list)
    """The first few, as `file:line: what is wrong`."""

    def read(self, file: str, rows: Iterable[bytes | Row | RowError]) -> Iterator[Record]:
        """Yield the records of one file; empty lines are skipped.

        Args:
            rows: Lines of JSON, rows that are already parsed, or the reason why one could not be.
        """
        for number, row in enumerate(rows, start=1):
            if isinstance(row, bytes):
                row = row.removeprefix(b"\xef\xbb\xbf") if number == 1 else row
                if not row.strip():
                    continue
            self.num_lines += 1
            place = f"{file}:{number}"
            try:
                yield self._record(file, place, row)
            except RowError as error:
                self.report(place, str(error))

    def report(self, place: str, problem: str) -> None:
        """Count a line as bad."""
        self.num_bad_lines += 1
        if len(self.bad_lines) < MAX_SHOWN:
            self.bad_lines.append(f"{place}: {problem}")

    def _record(self, file: str, place: str, read: bytes | Row | RowError) -> Record:
        if isinstance(read, RowError):
            raise read
        row = _json_object(read) if isinstance(read, bytes) else read
        if file not in self.formats:
            named = self.task.format
            self.formats[file] = detect_format(row) if named == "auto" else named
        example = read_row(row, self.formats[file])
        gold = None
        if example.reply is not None:
            gold = read_reply(
                example.reply,
                verifier=self.task.verifier,
                finished=True,
                marker=self.task.answer_marker,
            ).answer
        return Record(
            id=_optional_text(row, "id") or _content_id(example),
            messages=example.messages,
            gold=gold or None,
            group=_optional_text(row, "group"),
            workload=example.workload or _optional_text(row, "workload"),
            provenance=place,
        )


def _json_object(line: bytes) -> Row:
    if len(line) > MAX_LINE_BYTES:
        raise RowError(f"is longer than {MAX_LINE_BYTES:,} bytes")
    try:
        row = _parsed(line)
    except UnicodeDecodeError as error:
        raise RowError(f"byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise RowError(f"is not JSON: {error.msg} at column {error.colno}") from error
    except (RecursionError, ValueError) as error:
        raise RowError(f"is not JSON that can be read: {error}") from error
    if not isinstance(row, dict):
        raise RowError("is not a JSON object; each line must be one, in braces")
    return row


def _parsed(line: bytes) -> object:
    """Parse a line as `json` does, five times as fast.

    pydantic's parser reads no line otherwise than `json`, but refuses more of them: lone
    surrogates, deep nesting.
    """
    try:
        return from_json(line)
    except ValueError:
        return json.loads(line.decode("utf-8"))


def _optional_text(row: Row, name: str) -> str | None:
    value = row.get(name)
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise RowError(f"{name} must be text or a whole number")


def _content_id(example: ParsedRow) -> str:
    digest = hashlib.sha256()
    for message in example.messages:
        digest.update(f"{message.role}\0{message.content}\0".encode())
    digest.update((example.reply or "").encode())
    return digest.hexdigest()[:16]
