"""Lines out of streams."""

from __future__ import annotations

import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.dataset import lines as module
from stratos.dataset.lines import BrokenFileError, read_lines


class Trickle:
    """A stream that gives a few bytes at a time, as a network may."""

    def __init__(self, content: bytes, size: int = 7) -> None:
        self._content = io.BytesIO(content)
        self._size = size

    def read(self, size: int, /) -> bytes:
        return self._content.read(min(size, self._size))


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line)), st.booleans())
def test_lines_come_back_however_they_arrive(lines: list[bytes], zipped: bool) -> None:
    content = b"".join(line + b"\n" for line in lines)
    stream = Trickle(gzip.compress(content) if zipped else content)
    assert list(read_lines(stream, gzipped=zipped)) == lines


def test_a_last_line_needs_no_end() -> None:
    assert list(read_lines(io.BytesIO(b"a\nb"), gzipped=False)) == [b"a", b"b"]


def test_concatenated_gzip_files_are_one() -> None:
    content = gzip.compress(b"a\n") + gzip.compress(b"b\n")
    assert list(read_lines(Trickle(content), gzipped=True)) == [b"a", b"b"]


@pytest.mark.parametrize(
    "content",
    [b"not gzip", gzip.compress(b"a\n" * 1000, mtime=0)[:-9], b""],
    ids=["text", "cut off", "empty"],
)
def test_a_broken_gzip_file_is_refused(content: bytes) -> None:
    with pytest.raises(BrokenFileError):
        list(read_lines(io.BytesIO(content), gzipped=True))


def test_an_endless_line_is_cut_and_the_next_one_survives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 100)
    content = b"x" * 5000 + b"\nnext\n"
    found = list(read_lines(Trickle(content, 64), gzipped=False))
    assert [len(line) for line in found] == [101, 4]
