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
MAX_RATIO = 500
"""Of a gzipped file: text whose lines repeat each other reaches 300, and nothing more than 1032."""
_RATIO_FROM_BYTES = 64 * MIB
"""Less comes out of any file before its ratio is looked at."""
MAX_INFLATED_BYTES = 200 * 1000**3
"""Of one gzipped file."""


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
    taken = given = 0
    try:
        for chunk in _chunks(stream):
            taken += len(chunk)
            while chunk:
                if inflate.eof:  # a further member: `cat a.gz b.gz` is a gzip file
                    inflate = zlib.decompressobj(wbits=31)
                piece = inflate.decompress(chunk, CHUNK_BYTES)
                given += len(piece)
                _check_ratio(taken, given)
                yield piece
                chunk = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        while not inflate.eof and (rest := inflate.decompress(b"", CHUNK_BYTES)):
            yield rest
    except zlib.error as error:
        raise BrokenFileError(f"not a sound gzip file ({error}); compress it again") from error
    if not taken or not inflate.eof:
        raise BrokenFileError("the gzip file ends early; upload it again in full")


def _check_ratio(taken: int, given: int) -> None:
    """Refuse a file that is next to nothing but grows without an end.

    Args:
        taken: Compressed bytes that were read.
        given: Bytes that came out.
    """
    if given > _RATIO_FROM_BYTES and given > MAX_RATIO * taken:
        raise BrokenFileError(
            f"it grows to more than {MAX_RATIO} times its size when it is decompressed, as no "
            "dataset does; upload it uncompressed if it is one"
        )
    if given > MAX_INFLATED_BYTES:
        raise BrokenFileError(
            f"it grows to more than {MAX_INFLATED_BYTES // 1000**3} GB when it is decompressed; "
            "cut it into several files"
        )
