"""A dataset inspected as a whole."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import pytest

from stratos.contracts.records import SPLITS
from stratos.dataset.inspect_dataset import inspect_dataset
from stratos.dataset.near_duplicates import NearDuplicates
from stratos.errors import DatasetRejected
from tests import factories
from tests.unit.stratos.dataset.inspecting import files, inspect, inspect_bytes, task


def test_a_long_training_record_like_a_held_out_one_is_left_out(tmp_path: Path) -> None:
    words = [" ".join(f"w{(i * 37 + j * j) % 997}" for j in range(80)) for i in range(300)]
    rows = [{"prompt": text, "completion": f"{i}"} for i, text in enumerate(words)]
    copies = [{"prompt": f"{text} indeed", "completion": f"{i}"} for i, text in enumerate(words)]
    found, splits = inspect(tmp_path, rows + copies)
    assert found.num_near_duplicates > 0
    index = NearDuplicates()
    for record in splits["heldout"] + splits["probe"]:
        index.add(record)
    assert not any(index.holds_one_like(record) for record in splits["train"])
    held_out = NearDuplicates()
    for record in splits["heldout"]:
        held_out.add(record)
    assert not any(held_out.holds_one_like(record) for record in splits["probe"])
    assert (found.num_records["heldout"], found.num_records["probe"]) == (60, 40)


def test_gzipped_files_are_read(tmp_path: Path) -> None:
    content = gzip.compress(factories.jsonl(factories.dataset_rows(300)))
    found, _ = inspect_bytes(tmp_path, content, "d.jsonl.gz")
    assert found.num_lines == 300


def test_records_without_an_answer_only_train(tmp_path: Path) -> None:
    rows = factories.dataset_rows(400)
    for row in rows[:200]:
        del row["completion"]
    found, splits = inspect(tmp_path, rows)
    assert found.num_gold == 200
    assert all(record.gold for record in splits["heldout"] + splits["probe"])


def test_a_verifier_that_needs_no_gold_takes_any_record(tmp_path: Path) -> None:
    rows = [{"prompt": row["prompt"]} for row in factories.dataset_rows(300)]
    found, _ = inspect(tmp_path, rows, verifier={"kind": "regex", "pattern": "s.*"})
    assert (found.num_gold, found.num_records["heldout"]) == (0, 60)


def test_without_a_marker_the_whole_reply_is_the_gold_answer(tmp_path: Path) -> None:
    rows = factories.dataset_rows(300)
    for row in rows:
        row["completion"] = f"## {row['completion']}"
    _, splits = inspect(tmp_path, rows, answer_marker="")
    assert all((record.gold or "").startswith("## ") for record in splits["heldout"])


def test_thinking_in_a_reply_is_not_part_of_the_gold_answer(tmp_path: Path) -> None:
    rows = factories.dataset_rows(300)
    for row in rows:
        row["completion"] = f"<think>hm</think>{row['completion']}"
    _, splits = inspect(tmp_path, rows)
    assert not any("think" in (record.gold or "") for record in splits["heldout"])


def test_an_empty_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetRejected, match="the dataset is empty"):
        inspect_bytes(tmp_path, b"\n\n")


def test_files_of_every_kind_and_format_make_one_dataset(tmp_path: Path) -> None:
    rows = factories.dataset_rows(300)
    asked = [{"question": row["prompt"], "answer": row["completion"]} for row in rows[100:200]]
    columns = tmp_path / "made.jsonl"
    columns.write_bytes(factories.jsonl(rows[200:]))
    duckdb.sql(f"SELECT * FROM read_json('{columns}')").write_parquet(str(tmp_path / "c.parquet"))
    contents = {
        "d/a.jsonl": factories.jsonl(rows[:100]),
        "d/b.jsonl.gz": gzip.compress(factories.jsonl(asked)),
        "d/c.parquet": (tmp_path / "c.parquet").read_bytes(),
    }
    found = inspect_dataset(files(contents), task(), tmp_path)
    assert found.formats == {
        "d/a.jsonl": "prompt_completion",
        "d/b.jsonl.gz": "gsm8k",
        "d/c.parquet": "prompt_completion",
    }
    assert (found.num_lines, sum(found.num_records.values())) == (300, 300)


def test_a_bad_row_of_a_parquet_file_is_named_by_its_number(tmp_path: Path) -> None:
    query = "SELECT CASE WHEN i = 7 THEN '' ELSE 'sum ' || i END AS prompt, 's1' AS completion"
    duckdb.sql(f"{query} FROM range(300) r(i)").write_parquet(str(tmp_path / "d.parquet"))
    content = (tmp_path / "d.parquet").read_bytes()
    with pytest.raises(DatasetRejected, match=r"d\.parquet:8: asks nothing"):
        inspect_bytes(tmp_path, content, "d.parquet")
    found, _ = inspect_bytes(tmp_path, content, "d.parquet", on_bad_line="skip")
    assert (found.num_bad_lines, found.num_lines) == (1, 300)


def test_nothing_but_the_splits_is_left_on_the_disk(tmp_path: Path) -> None:
    inspect(tmp_path, factories.dataset_rows(300))
    with pytest.raises(DatasetRejected):
        inspect_bytes(tmp_path, b"{broken\n")
    assert {path.name for path in tmp_path.iterdir()} == {f"{split}.jsonl" for split in SPLITS}


def test_a_dataset_of_near_copies_leaves_too_little_to_train_on(tmp_path: Path) -> None:
    text = " ".join(f"w{i}" for i in range(200))
    rows = [{"prompt": f"{text} {i}", "completion": "yes"} for i in range(400)]
    with pytest.raises(DatasetRejected, match=r"too few records: 400 usable ones.* 60, 0 and 340"):
        inspect(tmp_path, rows)
    other = factories.dataset_rows(300)
    for row in other[:150]:
        row["prompt"] = f"{text} {row['id']}"
        row["completion"] = "s1"
        del row["group"]
    found, splits = inspect(tmp_path, other)
    assert found.num_near_duplicates > 100
    assert len(splits["train"]) == found.num_records["train"] < 100
