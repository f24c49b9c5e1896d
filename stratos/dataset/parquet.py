"""Rows of a Parquet file, read in order with bounded memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from stratos.dataset.allowance import UNLIMITED, Allowance
from stratos.dataset.formats.row import Row, RowError
from stratos.dataset.lines import CHUNK_BYTES, MAX_LINE_BYTES, BrokenFileError, Readable
from stratos.errors import DatasetTooLarge

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    # Of DuckDB's own buffers. A row group's columns must fit in; those of common writers do.
    "memory_limit": "512MB",
    "threads": 1,
    # No extension is fetched or loaded for what a file claims to be.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def read_rows(
    stream: Readable,
    folder: Path,
    allowance: Allowance = UNLIMITED,
    spooled_bytes: Callable[[], int] = lambda: 0,
) -> Iterator[Row | RowError]:
    """Yield rows as JSON would hold them, or why one cannot be read; nulls are left out.

    The file is first copied into `folder`, because its table of contents comes last.

    Args:
        spooled_bytes: Size of all records read so far, which are on the same disk.

    Raises:
        DatasetTooLarge: if the copy and the records together are larger than allowed.
        BrokenFileError: if it is damaged, or a row group is too large to read.
    """
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".parquet") as copy:
        while chunk := stream.read(CHUNK_BYTES):
            copy.write(chunk)
            _require_room(copy.tell(), spooled_bytes(), allowance)
        copy.flush()
        num_bytes = copy.tell()
        for row in _rows_of(Path(copy.name)):
            _require_room(num_bytes, spooled_bytes(), allowance)
            yield row


def _require_room(copied_bytes: int, spooled_bytes: int, allowance: Allowance) -> None:
    most = allowance.max_bytes
    if most is not None and copied_bytes + spooled_bytes > most:
        raise DatasetTooLarge(
            f"the dataset is too large to inspect: {copied_bytes / 1e9:.2f} GB of a Parquet file "
            f"and {spooled_bytes / 1e9:.2f} GB of records read so far do not fit on the disk "
            f"together, which has room for {most / 1e9:.2f} GB. Cut the file into smaller ones, "
            "upload fewer records, or split the dataset over several specs"
        )


def _rows_of(path: Path) -> Iterator[Row | RowError]:
    import duckdb  # only functions that read datasets install it

    with duckdb.connect(config=_SETTINGS) as database:
        database.execute("SET TimeZone = 'UTC'")
        try:
            cursor = database.execute("SELECT * FROM read_parquet(?)", [str(path)])
            names = [column[0] for column in cursor.description or ()]
            # One by one: a value that many rows share is small in the file, and not in memory.
            while (row := cursor.fetchone()) is not None:
                yield _as_json(dict(zip(names, row, strict=True)))
        except duckdb.OutOfMemoryException as error:
            raise BrokenFileError(
                "its row groups are too large to read in bounded memory; write it again with "
                "10,000 rows or fewer in each"
            ) from error
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0].replace(str(path), "the file")
            raise BrokenFileError(f"not a sound Parquet file ({reason}); write it again") from error


def _as_json(row: Mapping[str, Any]) -> Row | RowError:
    try:
        if sum(map(_num_characters, row.values())) > MAX_LINE_BYTES:
            return RowError(f"is longer than {MAX_LINE_BYTES:,} characters")
        return {name: _value(item, name) for name, item in row.items() if item is not None}
    except RowError as error:
        return error
    except RecursionError:
        return RowError("is nested too deeply to be written as JSON")


def _num_characters(item: Any) -> int:
    """Of the texts in a value, and one for each of its other parts."""
    match item:
        case str() | bytes() | bytearray() | memoryview():
            return len(item)
        case dict():
            return sum(_num_characters(k) + _num_characters(v) for k, v in item.items())
        case list() | tuple():
            return sum(map(_num_characters, item))
    return 1


def _value(item: Any, name: str) -> object:
    """A column's value as JSON has it: bytes are text, and times are written in ISO 8601."""
    match item:
        case str() | bool() | int() | float():
            return item
        case bytes() | bytearray() | memoryview():
            try:
                return bytes(item).decode()
            except UnicodeDecodeError as error:
                raise RowError(
                    f"{name} has bytes that are not UTF-8 text (byte {error.start})"
                ) from error
        case dict():
            fields = item.items()
            return {str(k): _value(v, f"{name}.{k}") for k, v in fields if v is not None}
        case list() | tuple():
            return [None if v is None else _value(v, name) for v in item]
        case datetime() | date() | time():
            return item.isoformat()
        case Decimal():
            return int(item) if item == item.to_integral_value() else float(item)
        case UUID() | timedelta():
            return str(item)
    raise RowError(f"{name} is of a type ({type(item).__name__}) that JSON does not have")
