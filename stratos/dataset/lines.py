"""Lines of a JSONL file as it streams in, plain or gzipped, with bounded memory."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from stratos.dataset.encodings import conversion, other_encoding
from stratos.units import MIB

MAX_LINE_BYTES = 4 * MIB
CHUNK_BYTES = MIB


class Readable(Protocol):
    """A stream of bytes; an open file or the body of an S3 object."""

    def read(self, size: int, /) -> bytes: ...


class OpenFile(Readable, Protocol):
    """A stream that is closed when it was read: a prefix may hold thousands of files."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class DataFile:
    """One file of the dataset, opened when its turn comes."""

    name: str
    open: Callable[[], OpenFile]


class BrokenFileError(ValueError):
    """A file cannot be read at all."""


def refuse_other_encoding(start: bytes) -> None:
    """Raise BrokenFileError if a file's first bytes tell that it is not UTF-8."""
    if encoding := other_encoding(start):
        raise BrokenFileError(f"it is {encoding}; {conversion(encoding)}")


def read_lines(stream: Readable, *, gzipped: bool) -> Iterator[bytes]:
    """Yield lines without their end. A line over `MAX_LINE_BYTES` is cut to one byte more than
    that.

    Raises:
        BrokenFileError: if a gzipped file is damaged or ends early.
    """
    return lines_of(chunks_of(stream, gzipped=gzipped))


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut chunks into lines, as `read_lines` says."""
    pending = bytearray()
    dropping = False  # the rest of a line that was cut short
    for chunk in chunks:
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            if not (dropping or pending) and end - start <= MAX_LINE_BYTES:
                yield chunk[start:end]
            else:
                if not dropping:
                    pending += chunk[start:end]
                    yield bytes(pending[: MAX_LINE_BYTES + 1])
                pending.clear()
                dropping = False
            start = end + 1
        if not dropping:
            pending += chunk[start:]
            if len(pending) > MAX_LINE_BYTES:
                yield bytes(pending[: MAX_LINE_BYTES + 1])
                pending.clear()
                dropping = True
    if pending:
        yield bytes(pending)


def chunks_of(stream: Readable, *, gzipped: bool) -> Iterator[bytes]:
    """Yield the bytes of a file in pieces of at most `CHUNK_BYTES`.

    Raises:
        BrokenFileError: if a gzipped file is damaged or ends early.
    """
    return _inflated(stream) if gzipped else _chunks(stream)


def _chunks(stream: Readable) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


def _inflated(stream: Readable) -> Iterator[bytes]:
    """Decompress in steps of a chunk, so that a gzip bomb fills no memory."""
    inflate = zlib.decompressobj(wbits=31)
    empty = True
    try:
        for chunk in _chunks(stream):
            while chunk:
                if inflate.eof:  # a further member: `cat a.gz b.gz` is a gzip file
                    inflate = zlib.decompressobj(wbits=31)
                yield inflate.decompress(chunk, CHUNK_BYTES)
                chunk = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
                empty = False
        while not inflate.eof and (rest := inflate.decompress(b"", CHUNK_BYTES)):
            yield rest
    except zlib.error as error:
        raise BrokenFileError(f"not a sound gzip file ({error}); compress it again") from error
    if empty or not inflate.eof:
        raise BrokenFileError("the gzip file ends early; upload it again in full")
