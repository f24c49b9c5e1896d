"""Parquet files say the same as JSON lines."""

from __future__ import annotations

import io
import json
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from stratos.dataset.allowance import Allowance
from stratos.dataset.formats.detection import detect_format, read_fields
from stratos.dataset.formats.row import RowError
from stratos.dataset.inspect_dataset import DataFile, inspect_dataset
from stratos.dataset.lines import BrokenFileError
from stratos.dataset.parquet import read_rows
from stratos.errors import DatasetRejected
from stratos.spec import FormatName
from tests import factories
from tests.unit.stratos.dataset.formats.rows import ROWS, UNANSWERED


def parquet(folder: Path, query: str) -> bytes:
    """What a query selects, as the bytes of a Parquet file."""
    file = folder / "made.parquet"
    duckdb.sql(query).write_parquet(str(file))
    return file.read_bytes()


def of_rows(folder: Path, rows: list[dict[str, Any]]) -> bytes:
    """Rows with structs and lists where JSON has objects and arrays."""
    (folder / "rows.jsonl").write_bytes(factories.jsonl(rows))
    return parquet(
        folder, f"SELECT * FROM read_json('{folder}/rows.jsonl', format='newline_delimited')"
    )


def read(folder: Path, content: bytes) -> list[Any]:
    return list(read_rows(io.BytesIO(content), folder))


def has_one_type(messages: object) -> bool:
    """Whether the contents can be one column: all text, or all lists of blocks."""
    return not isinstance(messages, list) or len({type(m["content"]) for m in messages}) <= 1


@pytest.mark.parametrize(
    ("name", "row"),
    [
        (name, row)
        for rows in (ROWS, UNANSWERED)
        for name, some in rows.items()
        for row in some
        if has_one_type(row.get("messages"))
    ],
)
def test_each_format_reads_the_same_from_columns(
    tmp_path: Path, name: FormatName, row: dict[str, Any]
) -> None:
    (again,) = read(tmp_path, of_rows(tmp_path, [row]))
    assert detect_format(again) == name
    assert read_fields(again, name) == read_fields(row, name)


def test_a_null_is_a_field_that_is_not_there(tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": [{"text": "a"}]}], "prompt": None},
        {"messages": [{"role": "user", "content": [{"text": "b"}], "name": "x"}], "prompt": None},
    ]
    first, second = read(tmp_path, of_rows(tmp_path, rows))
    assert first == {"messages": [{"role": "user", "content": [{"text": "a"}]}]}
    assert second["messages"][0]["name"] == "x"


def test_columns_of_awkward_types_become_what_json_has(tmp_path: Path) -> None:
    columns = {
        "'\\xC3\\xA9'::BLOB": "é",
        "TIMESTAMP '2026-01-02 03:04:05'": "2026-01-02T03:04:05",
        "TIMESTAMPTZ '2026-01-02 03:04:05+00'": "2026-01-02T03:04:05+00:00",
        "DATE '2026-01-02'": "2026-01-02",
        "1.50::DECIMAL(9, 2)": 1.5,
        "2.00::DECIMAL(9, 2)": 2,
        "7::UTINYINT": 7,
        "'high'::ENUM ('low', 'high')": "high",
        "MAP {'a': 1}": {"a": 1},
        "'6f1b2c9e-0000-4000-8000-000000000000'::UUID": "6f1b2c9e-0000-4000-8000-000000000000",
    }
    fields = ", ".join(f"{value} AS c{i}" for i, value in enumerate(columns))
    (row,) = read(tmp_path, parquet(tmp_path, f"SELECT {fields}"))
    assert json.loads(json.dumps(row)) == {f"c{i}": v for i, v in enumerate(columns.values())}


def test_bytes_that_are_no_text_make_one_bad_row(tmp_path: Path) -> None:
    query = "SELECT unnest(['a'::BLOB, '\\xFF'::BLOB, 'b'::BLOB]) AS prompt"
    first, second, third = read(tmp_path, parquet(tmp_path, query))
    assert (first, third) == ({"prompt": "a"}, {"prompt": "b"})
    assert isinstance(second, RowError)
    assert "prompt has bytes that are not UTF-8" in str(second)


@pytest.mark.parametrize("damage", ["text", "empty", "cut off", "middle"])
def test_a_broken_file_is_refused(tmp_path: Path, damage: str) -> None:
    whole = parquet(tmp_path, "SELECT 'question ' || i AS prompt FROM range(5000) r(i)")
    middle = len(whole) // 3
    content = {
        "text": b'{"prompt": "a"}\n',
        "empty": b"",
        "cut off": whole[:-20],
        "middle": whole[:middle] + b"\xff" * 400 + whole[middle + 400 :],
    }[damage]
    with pytest.raises(BrokenFileError, match="Parquet file"):
        read(tmp_path, content)


def test_a_file_larger_than_the_disk_allows_is_refused_while_it_is_copied(tmp_path: Path) -> None:
    with pytest.raises(DatasetRejected, match="too large to inspect"):
        list(read_rows(io.BytesIO(b"x" * 3_000_000), tmp_path, Allowance(max_bytes=2_000_000)))
    assert list(tmp_path.iterdir()) == []


def test_a_copy_and_the_records_read_from_it_must_fit_on_the_disk_together(tmp_path: Path) -> None:
    whole = parquet(tmp_path, "SELECT 'question ' || i AS prompt FROM range(500) r(i)")
    (tmp_path / "made.parquet").unlink()
    taken: list[Any] = []
    allowance = Allowance(max_bytes=len(whole) + 1000)
    rows = read_rows(io.BytesIO(whole), tmp_path, allowance, lambda: 100 * len(taken))
    with pytest.raises(DatasetRejected, match=r"of a Parquet file and .* records read so far do"):
        taken.extend(rows)
    assert len(taken) == 11
    assert list(tmp_path.iterdir()) == []


def test_what_other_files_left_on_the_disk_counts_while_one_is_copied(tmp_path: Path) -> None:
    columns = parquet(tmp_path, "SELECT md5(i::VARCHAR) AS prompt FROM range(10000) r(i)")
    lines = factories.jsonl(factories.dataset_rows(400))
    dataset = [
        DataFile(name, partial(io.BytesIO, content))
        for name, content in (("a.jsonl", lines), ("b.parquet", columns))
    ]
    # Room for either of them.
    allowance = Allowance(max_bytes=len(columns) + 100)
    with pytest.raises(DatasetRejected, match="do not fit on the disk together"):
        inspect_dataset(dataset, factories.spec().task, tmp_path, allowance)


def test_a_value_that_all_rows_share_is_in_memory_once(tmp_path: Path) -> None:
    content = parquet(tmp_path, "SELECT repeat('x', 3_000_000) AS prompt FROM range(300)")
    assert len(content) < 4_000_000
    tracemalloc.start()
    try:
        found = sum(len(row["prompt"]) for row in read_rows(io.BytesIO(content), tmp_path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == 900_000_000
    assert peak < 30_000_000


def test_a_row_as_long_as_no_line_may_be_is_bad(tmp_path: Path) -> None:
    content = parquet(tmp_path, "SELECT [repeat('x', 5_000_000)] AS prompt, 'a' AS completion")
    [row] = read(tmp_path, content)
    assert isinstance(row, RowError)
    assert "is longer than 4,194,304 characters" in str(row)
