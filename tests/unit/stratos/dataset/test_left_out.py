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


CHOICE = {"kind": "choice", "choices": ["yes", "no"]}
REJECTED = "the gold answer does not name one of task.verifier.choices"


def rows_of_several_faults() -> bytes:
    rows = factories.dataset_rows(300)
    answers = [{"completion": "maybe" if number % 12 == 0 else "yes"} for number in range(300)]
    roles = [{"messages": [{"role": f"r{number}", "content": "a"}]} for number in range(3)]
    sound = [row | answer for row, answer in zip(rows, answers, strict=True)]
    return factories.jsonl(sound) + b'{"prompt": 1}\n' * 2 + b"{x\n" + factories.jsonl(roles)


def test_bad_lines_are_counted_by_what_is_wrong_with_them(tmp_path: Path) -> None:
    found, _ = inspect_bytes(
        tmp_path, rows_of_several_faults(), verifier=CHOICE, on_bad_line="skip", max_bad_share=0.2
    )
    assert found.bad_line_kinds == {
        REJECTED: 25,
        "has no field …": 3,
        "prompt is a number; it must be text": 2,
        "is not JSON …": 1,
    }
    assert sum(found.bad_line_kinds.values()) == found.num_bad_lines == 31


def test_a_refusal_counts_by_kind_what_it_does_not_list(tmp_path: Path) -> None:
    with pytest.raises(DatasetRejected) as refused:
        inspect_bytes(tmp_path, rows_of_several_faults(), verifier=CHOICE)
    assert f"and 11 more\nBy kind: 25 × {REJECTED}; 3 × has no field …; 2" in str(refused.value)


def test_the_kinds_of_bad_lines_say_nothing_that_is_withheld(tmp_path: Path) -> None:
    content = factories.jsonl(factories.dataset_rows(300)) + b'{"prompt": "q", "id": ["a@b.ex"]}\n'
    content += b'{"messages": [{"role": "anna@b.example"}]}\n'
    found, _ = inspect_bytes(tmp_path, content, on_bad_line="skip", redact=["email"])
    assert sum(found.bad_line_kinds.values()) == 2
    assert "@" not in str(found.bad_line_kinds)


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
