"""Records on disk while the whole of a dataset is being counted; in memory only one block."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from stratos.records import Record

_BLOCK_BYTES = 1024 * 1024
_OFFSET_BITS = 24
"""A place is the block's offset in the file and, in these bits, the record's in the block."""
_COMPRESSION = 1
"""Fastest: text shrinks to a third, and a Lambda function has 10 GB of disk."""


class Spool:
    """An append-only file of records that can be read again, in order or one by one."""

    def __init__(self, path: Path) -> None:
        self.num_bytes = 0
        """Of all records as JSON lines."""
        self.path = path
        self._file = path.open("w+b")
        self._pending = bytearray()
        self._end = 0
        self._cached: tuple[int, bytes] = (-1, b"")

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def append(self, record: Record) -> int:
        """Add a record and return its place."""
        if len(self._pending) >= _BLOCK_BYTES:
            self._flush()
        place = self._end << _OFFSET_BITS | len(self._pending)
        line = record.model_dump_json(exclude_none=True).encode() + b"\n"
        self._pending += line
        self.num_bytes += len(line)
        return place

    def at(self, place: int) -> Record:
        """The record at a place."""
        self._flush()
        block = self._block(place >> _OFFSET_BITS)
        start = place & ((1 << _OFFSET_BITS) - 1)
        return Record.model_validate_json(block[start : block.index(b"\n", start)])

    def __iter__(self) -> Iterator[Record]:
        """Every record, in the order of their coming."""
        self._flush()
        self._file.seek(0)
        inflate = zlib.decompressobj()
        rest = b""
        while chunk := rest or self._file.read(_BLOCK_BYTES):
            block = bytearray(inflate.decompress(chunk))
            while not inflate.eof:
                block += inflate.decompress(self._file.read(_BLOCK_BYTES))
            rest, inflate = inflate.unused_data, zlib.decompressobj()
            for line in block.splitlines():
                yield Record.model_validate_json(line)

    def _flush(self) -> None:
        if not self._pending:
            return
        self._file.seek(self._end)
        self._end += self._file.write(zlib.compress(self._pending, _COMPRESSION))
        self._pending.clear()

    def _block(self, offset: int) -> bytes:
        if self._cached[0] != offset:
            self._file.seek(offset)
            inflate, block = zlib.decompressobj(), bytearray()
            while not inflate.eof:
                block += inflate.decompress(self._file.read(_BLOCK_BYTES))
            self._cached = (offset, bytes(block))
        return self._cached[1]
