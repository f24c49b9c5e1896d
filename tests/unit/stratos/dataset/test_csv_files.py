"""CSV files."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.dataset.csv_files import csv_rows
from stratos.dataset.formats.row import RowError
from stratos.dataset.lines import BrokenFileError
from stratos.errors import DatasetRejected
from tests.unit.stratos.dataset.inspecting import inspect_bytes
from tests.unit.stratos.dataset.test_lines import Trickle


def rows(content: str | bytes, separator: str = ",") -> list[Any]:
    written = content.encode() if isinstance(content, str) else content
    return list(csv_rows(Trickle(written), gzipped=False, separator=separator))


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), min_size=1),
        min_size=1,
    )
)
def test_fields_come_back_byte_for_byte(fields: list[str]) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b"])
    writer.writerows([field, "x"] for field in fields)
    assert rows(out.getvalue()) == [{"a": field, "b": "x"} for field in fields]


def test_empty_fields_are_left_out_and_names_trimmed() -> None:
    assert rows("\ufeff a ,b\r\n1,\r\n,2\r\n") == [{"a": "1"}, {"b": "2"}]
    assert rows("a\tb\n1\t2\n", separator="\t") == [{"a": "1", "b": "2"}]


def test_the_row_numbers_that_pandas_writes_are_passed_over() -> None:
    assert rows(",a,b\n0,1,2\n1,,3\n") == [{"a": "1", "b": "2"}, {"b": "3"}]


def test_a_row_of_another_width_is_one_bad_row() -> None:
    first, second = rows("a,b\n1,2\n1,2,3\n")
    assert first == {"a": "1", "b": "2"}
    assert isinstance(second, RowError)
    assert "has 3 fields; its first line names 2 columns" in str(second)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a,a\n1,2\n", "must name the columns, each once"),
        ("a,,b\n1,2,3\n", "must name the columns"),
        (",b,b\n1,2,3\n", "must name the columns"),
        (" \n1\n", "must name the columns"),
        ('a\n"b"c\n', "line 2 is no CSV"),
        (b"a\n\xff\n", "line 2 is not UTF-8; convert it: iconv -f CP1252"),
        ("a,b\n1,2\n".encode("utf-16"), "it is UTF-16; convert it: iconv -f UTF-16 -t UTF-8"),
    ],
)
def test_a_file_that_is_no_table_is_told(content: str | bytes, told: str) -> None:
    with pytest.raises(BrokenFileError, match=told):
        rows(content)


def test_a_table_is_read_by_the_columns_that_the_spec_names(tmp_path: Path) -> None:
    lines = [f'{n},"question, {n}",s{n},g{n % 150}' for n in range(300)]
    content = "\n".join(["number,text,label,kind", *lines]).encode()
    columns = {"prompt": "text", "answer": "label", "id": "number", "group": "kind"}
    found, splits = inspect_bytes(tmp_path, content, "d.csv", columns=columns)
    assert found.formats == {"d.csv": "columns"}
    assert (found.num_gold, found.num_groups) == (300, 150)
    record = next(r for r in splits["heldout"])
    assert record.messages[0].content == f"question, {record.id}"
    with pytest.raises(DatasetRejected, match=r"columns: \{prompt: text, answer: label\}"):
        inspect_bytes(tmp_path, content, "d.csv")


def test_a_row_whose_quotes_never_close_is_refused_before_it_fills_memory() -> None:
    field = '"' + "x" * 1_000_000 + "\n"
    endless = 'a,b\n"' + ('",' + field) * 8
    with pytest.raises(BrokenFileError, match="close the quotes of its fields"):
        list(csv_rows(io.BytesIO(endless.encode()), gzipped=False, separator=","))


def test_rows_over_many_lines_are_read() -> None:
    row = '"' + "line\n" * 1_000 + '",1\n'
    assert len(rows("a,b\n" + row * 3)) == 3
