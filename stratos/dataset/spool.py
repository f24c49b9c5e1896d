"""Records on disk while the whole dataset is being counted; only a buffer is in memory."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from pydantic import TypeAdapter

from stratos.contracts.records import Record
from stratos.dataset.scratch import Scratch
from stratos.units import MIB

_SEGMENT_BITS = 26
_SEGMENT_BYTES = 1 << _SEGMENT_BITS
"""A new file begins once one holds this much."""
_PLACE_BITS = _SEGMENT_BITS + 6
"""Of the place within a file, its longest record included; the file's number is above them."""
BUFFER_BYTES = MIB // 4
"""That are read and written at once."""
_TAB = b"\t"
"""Between a note and its record; JSON writes it as an escape."""
_written = TypeAdapter(Record).serializer.to_json


def line_of(record: Record) -> bytes:
    """A record as a line of JSON."""
    return _written(record, exclude_none=True) + b"\n"


def record_of(line: bytes) -> Record:
    """The record that a line holds."""
    return Record.model_validate_json(line)


class Spool(Scratch):
    """An append-only list of records: read by place at first, then once in order, and gone.

    It consists of files of 64 MiB, and reading in order deletes each file once it is read: what is
    written from the spool takes its room, so the disk has to hold the dataset only once.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._last = 0
        self._place = 0  # in the file that is written: to ask it takes longer
        self._writing: BinaryIO = self._path(0).open("wb", BUFFER_BYTES)
        self._reading: tuple[int, BinaryIO] | None = None
        self.num_bytes = 0
        """Of all records as JSON lines."""

    def delete(self) -> None:
        self._writing.close()
        self._close_reading()
        shutil.rmtree(self._folder)

    def append(self, line: bytes, note: bytes = b"") -> int:
        """Add a record's line and return its place.

        Args:
            note: What is needed of it later without parsing it; no tab and no line break.
        """
        start = self._place
        if start >= _SEGMENT_BYTES:
            self._writing.close()
            self._last, start = self._last + 1, 0
            self._writing = self._path(self._last).open("wb", BUFFER_BYTES)
        self.num_bytes += len(line)
        self._place = start + self._writing.write(_TAB.join((note, line)))
        return self._last << _PLACE_BITS | start

    def at(self, place: int) -> Record:
        """The record at a place; every record must have been appended."""
        file = self._open(place >> _PLACE_BITS)
        file.seek(place & ((1 << _PLACE_BITS) - 1))
        return record_of(file.readline().partition(_TAB)[2])

    def drain(self) -> Iterator[tuple[bytes, bytes]]:
        """Note and line of every record in order of arrival; afterwards the spool is empty."""
        self._writing.flush()
        self._close_reading()
        for number in range(self._last + 1):
            with self._path(number).open("rb", BUFFER_BYTES) as lines:
                for entry in lines:
                    note, _, line = entry.partition(_TAB)
                    yield note, line
            self._path(number).unlink()

    def _open(self, number: int) -> BinaryIO:
        if self._reading is None or self._reading[0] != number:
            self._close_reading()
            self._writing.flush()
            self._reading = (number, self._path(number).open("rb"))
        return self._reading[1]

    def _close_reading(self) -> None:
        if self._reading is not None:
            self._reading[1].close()
            self._reading = None

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.jsonl"
