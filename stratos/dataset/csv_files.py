"""Rows of a CSV file: the names of its columns stand in its first line."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator

from stratos.dataset.encodings import conversion
from stratos.dataset.formats.row import Row, RowError
from stratos.dataset.lines import (
    MAX_LINE_BYTES,
    BrokenFileError,
    Readable,
    chunks_of,
    lines_of,
    refuse_other_encoding,
)


def csv_rows(stream: Readable, *, gzipped: bool, separator: str) -> Iterator[Row | RowError]:
    """Yield rows as text under the names of their columns; empty fields are left out.

    Raises:
        BrokenFileError: if it cannot be decompressed, has no names, or a quote is never closed.
    """
    csv.field_size_limit(min(MAX_LINE_BYTES, sys.maxsize))
    lines = _Rows(_texts(lines_of(chunks_of(stream, gzipped=gzipped))))
    rows = csv.reader(lines, delimiter=separator, strict=True)
    names: list[str] | None = None
    try:
        for row in rows:
            lines.row_ended()
            if names is None:
                names = _names(row)
            elif row:
                yield _row(names, row)
    except csv.Error as error:
        raise BrokenFileError(
            f"line {rows.line_num} is no CSV ({error}); quote fields that hold quotes or line "
            "breaks"
        ) from error


class _Rows:
    """Lines, of which no more than `MAX_LINE_BYTES` may be one row: quoted fields go over several.

    Raises:
        BrokenFileError: a row is longer.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self._of_row = lines, 0

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self._lines, start=1):
            self._of_row += len(line)
            # One line alone is within its own bound.
            if self._of_row > len(line) and self._of_row > MAX_LINE_BYTES:
                raise BrokenFileError(
                    f"the row that ends after line {number} is longer than {MAX_LINE_BYTES:,} "
                    "characters; close the quotes of its fields"
                )
            yield line

    def row_ended(self) -> None:
        self._of_row = 0


def _names(row: list[str]) -> list[str]:
    """The columns. The first may have none: so pandas writes the number of each row."""
    names = [name.strip() for name in row]
    if not all(names[1:]) or names == [""] or len(set(names)) < len(names):
        raise BrokenFileError(
            f"its first line must name the columns, each once; found {', '.join(names[:8])}"
        )
    return names


def _row(names: list[str], row: list[str]) -> Row | RowError:
    if len(row) != len(names):
        return RowError(f"has {len(row)} fields; its first line names {len(names)} columns")
    return {name: field for name, field in zip(names, row, strict=True) if name and field}


def _texts(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        try:
            if number == 1:
                refuse_other_encoding(line)
            text = line.decode()
        except UnicodeDecodeError as error:
            raise BrokenFileError(f"line {number} is not UTF-8; {conversion()}") from error
        yield (text.removeprefix("\ufeff") if number == 1 else text) + "\n"
