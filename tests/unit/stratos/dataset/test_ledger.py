"""What is deduplicated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import factories
from tests.unit.stratos.dataset.inspecting import inspect


def test_short_questions_that_look_alike_are_all_kept(tmp_path: Path) -> None:
    found, _ = inspect(tmp_path, factories.dataset_rows(400))
    assert (found.num_exact_duplicates, found.num_near_duplicates) == (0, 0)


def test_a_question_repeated_in_other_case_and_spacing_counts_once(tmp_path: Path) -> None:
    rows = factories.dataset_rows(400)
    again = [
        row | {"id": f"again-{i}", "prompt": f"  {row['prompt'].upper()}\n"}
        for i, row in enumerate(rows[:30])
    ]
    other = [row | {"id": f"other-{i}", "completion": "s1"} for i, row in enumerate(rows[30:40])]
    found, splits = inspect(tmp_path, rows + again + other)
    assert (found.num_exact_duplicates, found.num_contradictions) == (40, 10)
    assert sum(map(len, splits.values())) == 400


def test_a_question_with_other_tools_is_another_question(tmp_path: Path) -> None:
    rows = factories.dataset_rows(300)
    tools = [{"name": "f", "parameters": {"type": "object"}}]
    again = [row | {"id": f"again-{i}", "tools": tools} for i, row in enumerate(rows[:30])]
    found, _ = inspect(tmp_path, rows + again)
    assert found.num_exact_duplicates == 0


def test_what_a_constant_answer_would_score_is_known(tmp_path: Path) -> None:
    rows = factories.dataset_rows(300)
    for row in rows[:90]:
        row["completion"] = "s1 s1"
    found, _ = inspect(tmp_path, rows)
    assert found.most_common_answer == "s1 s1"
    assert found.most_common_share == pytest.approx(90 / 300, abs=0.05)
    assert json.loads(found.model_dump_json())["num_records"]["train"] == 200


def test_ids_that_repeat_are_told_apart_whatever_their_length(tmp_path: Path) -> None:
    rows = factories.dataset_rows(300)
    for length, row in zip((1, 15, 16, 17, 40), rows[:5], strict=True):
        row["id"] = "é" + "x" * (length - 2) if length > 1 else "x"
    again = [row | {"prompt": f"another {number}"} for number, row in enumerate(rows[:5])]
    found, splits = inspect(tmp_path, rows + again)
    assert found.num_repeated_ids == 5
    ids = [record.id for records in splits.values() for record in records]
    assert len(set(ids)) == len(ids) == 305
    assert {f"{row['id']}#2" for row in rows[:5]} <= set(ids)
