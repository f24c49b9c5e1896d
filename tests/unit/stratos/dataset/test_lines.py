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


def test_a_file_that_grows_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RATIO_FROM_BYTES", 2**20)
    bomb = gzip.compress(bytes(8 * 2**20))
    taken: list[int] = []

    class Counted(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            taken.append(1)
            return super().read(size)

    with pytest.raises(BrokenFileError, match="more than 500 times its size"):
        list(read_lines(Counted(bomb), gzipped=True))
    assert len(taken) == 1
    monkeypatch.setattr(module, "MAX_INFLATED_BYTES", 10**6)
    text = "".join(f"{number}\n" for number in range(400_000)).encode()
    with pytest.raises(BrokenFileError, match="cut it into several files"):
        list(read_lines(io.BytesIO(gzip.compress(text)), gzipped=True))


def test_text_that_repeats_itself_is_read() -> None:
    text = (b'{"system": "' + b"You are a helpful assistant. " * 40 + b'"}\n') * 2_000
    assert len(list(read_lines(io.BytesIO(gzip.compress(text)), gzipped=True))) == 2_000
