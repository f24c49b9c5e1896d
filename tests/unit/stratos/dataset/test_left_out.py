"""What is left out is counted by its reason, with the first rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratos.dataset.inspect_dataset import inspect_dataset
from stratos.dataset.inspection import MAX_EXAMPLES
from stratos.dataset.left_out import BAD_LINE, CONTRADICTION, DUPLICATE, LEAK, LeftOutRows
from stratos.errors import DatasetRejected
from tests import factories
from tests.unit.stratos.dataset.inspecting import files, inspect, inspect_bytes, task


def test_repeated_questions_name_the_row_that_is_kept(tmp_path: Path) -> None:
    rows = factories.dataset_rows(300)
    again = [{"prompt": row["prompt"], "completion": row["completion"]} for row in rows[:8]]
    other = [{"prompt": rows[40]["prompt"], "completion": "another"}]
    found, _ = inspect(tmp_path, rows + again + other)
    duplicates, contradictions = found.left_out[DUPLICATE], found.left_out[CONTRADICTION]
    assert (duplicates.num, contradictions.num) == (8, 1)
    assert len(duplicates.examples) == MAX_EXAMPLES
    assert duplicates.examples[0] == "d.jsonl:301: the question of d.jsonl:1"
    assert contradictions.examples == ("d.jsonl:309: the question of d.jsonl:41",)


def test_a_near_duplicate_names_the_record_that_is_kept_back(tmp_path: Path) -> None:
    words = [" ".join(f"w{(i * 37 + j * j) % 997}" for j in range(80)) for i in range(300)]
    rows = [{"prompt": text, "completion": f"{i}"} for i, text in enumerate(words)]
    copies = [{"prompt": f"{text} indeed", "completion": f"{i}"} for i, text in enumerate(words)]
    found, splits = inspect(tmp_path, rows + copies)
    assert found.left_out[LEAK].num == found.num_near_duplicates > 0
    kept_back = {r.provenance for r in splits["heldout"] + splits["probe"]}
    for example in found.left_out[LEAK].examples:
        left, _, original = example.removesuffix(", which is kept back").partition(": like ")
        assert original in kept_back
        assert abs(int(left.split(":")[1]) - int(original.split(":")[1])) == 300


def test_bad_lines_are_counted_and_a_reason_without_rows_is_not_there(tmp_path: Path) -> None:
    content = factories.jsonl(factories.dataset_rows(300)) + b"{broken\n"
    found, _ = inspect_bytes(tmp_path, content, on_bad_line="skip")
    assert list(found.left_out) == [BAD_LINE]
    assert found.left_out[BAD_LINE].num == 1
    assert found.left_out[BAD_LINE].examples[0].startswith("d.jsonl:301: is not JSON")


def test_the_most_frequent_reason_comes_first_and_its_first_examples_are_kept() -> None:
    rows = LeftOutRows()
    rows.add("rare", 1, ["a"])
    for number in range(9):
        rows.add("often", 1, [f"{number}"])
    rows.add("never", 0, [])
    assert list(rows.summary()) == ["often", "rare"]
    assert rows.summary()["often"].examples == ("0", "1", "2", "3", "4")


def test_whoever_only_looks_is_told_every_refusal_and_sees_the_rest(tmp_path: Path) -> None:
    content = factories.jsonl(factories.dataset_rows(70)) + b"{broken\n"
    refused: list[str] = []
    data = files({"d.jsonl": content})
    found = inspect_dataset(data, task(), tmp_path, refuse=refused.append)
    assert [reason.split(":")[0] for reason in refused] == [
        "1 of 71 lines cannot be read",
        "too few records",
    ]
    assert sum(found.num_records.values()) == 70
    with pytest.raises(DatasetRejected, match="1 of 71 lines"):
        inspect_dataset(data, task(), tmp_path)
