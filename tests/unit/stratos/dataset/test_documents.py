"""Files of JSON, by what they hold."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.dataset import documents
from stratos.dataset.documents import json_rows
from stratos.dataset.formats.row import RowError
from stratos.dataset.lines import BrokenFileError
from tests.unit.stratos.dataset.test_lines import Trickle

OBJECTS = st.lists(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
        st.text(st.characters(exclude_categories=["Cs"])) | st.integers() | st.lists(st.booleans()),
        max_size=3,
    ),
    max_size=8,
)


def rows(content: bytes, **how: Any) -> list[Any]:
    return list(json_rows(Trickle(content), gzipped=False, **how))


@given(OBJECTS, st.sampled_from([None, 1]), st.booleans(), st.booleans())
def test_an_array_is_its_elements_however_it_is_written(
    objects: list[dict[str, Any]], indent: int | None, ascii_only: bool, zipped: bool
) -> None:
    content = json.dumps(objects, indent=indent, ensure_ascii=ascii_only).encode()
    stream = Trickle(gzip.compress(content) if zipped else content)
    assert list(json_rows(stream, gzipped=zipped)) == objects


@given(OBJECTS.filter(lambda objects: all(objects)))
def test_objects_over_several_lines_are_read_one_after_the_other(
    objects: list[dict[str, Any]],
) -> None:
    content = "\n".join(json.dumps(one, indent=2) for one in objects).encode()
    assert rows(content) == objects


@pytest.mark.parametrize("start", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_one_object_a_line_is_lines(start: bytes) -> None:
    found = rows(start + b'{"a": 1}\n{broken\n{"a": 2}')
    assert [line.strip().removeprefix(b"\xef\xbb\xbf") for line in found if line.strip()] == [
        b'{"a": 1}',
        b"{broken",
        b'{"a": 2}',
    ]


def test_an_array_in_a_mark_of_order_is_read() -> None:
    assert rows(b'\xef\xbb\xbf [{"a": 1}]\n') == [{"a": 1}]


def test_an_element_that_is_no_object_or_no_text_is_one_bad_row() -> None:
    first, second, third = rows(b'[{"a": 1}, 5, {"a": "\\ud800"}]')
    assert first == {"a": 1}
    assert isinstance(second, RowError)
    assert "each element must be one, in braces" in str(second)
    assert isinstance(third, RowError)
    assert "half of a surrogate pair" in str(third)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'[{"a": 1}, {"a"', "ends within element 2"),
        (b'[{"a": 1}', "ends within element 2"),
        (b'[{"a": 1} {"b": x}]', "element 2"),
        (b'[{"a": 1}]\n[{"a": 2}]\n', "more follows the array"),
        (b'[{"a": "\xff"}]', "byte 8 is not UTF-8"),
    ],
)
def test_an_array_that_is_broken_is_told(content: bytes, told: str) -> None:
    with pytest.raises(BrokenFileError, match=told):
        rows(content)


def test_an_endless_element_is_refused_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_LINE_BYTES", 100)
    stream = io.BytesIO(b'[{"a": "' + b"x" * 3_000_000)
    with pytest.raises(BrokenFileError, match="longer than 100 bytes"):
        list(json_rows(stream, gzipped=False))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"[]"])
def test_an_empty_file_has_no_rows(content: bytes) -> None:
    assert [row for row in rows(content) if row] == []


def test_blanks_without_an_end_are_not_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_LINE_BYTES", 1_000)
    stream = Trickle(b" " * 10_000, 100)
    json_rows(stream, gzipped=False)
    assert len(stream.read(10_000)) == 100
    left = sum(len(piece) for piece in iter(lambda: stream.read(100), b""))
    assert left > 8_000
