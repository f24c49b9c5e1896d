"""What is deduplicated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stratos.errors import DatasetRejected
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


def test_ids_that_are_given_twice_are_bad_lines(tmp_path: Path) -> None:
    rows = factories.dataset_rows(300)
    rows[7]["id"] = rows[3]["id"]
    with pytest.raises(DatasetRejected, match=r"d\.jsonl:8: the id 'hand-3'"):
        inspect(tmp_path, rows)


def test_what_a_constant_answer_would_score_is_known(tmp_path: Path) -> None:
    rows = factories.dataset_rows(300)
    for row in rows[:90]:
        row["completion"] = "s1 s1"
    found, _ = inspect(tmp_path, rows)
    assert found.most_common_answer == "s1 s1"
    assert found.most_common_share == pytest.approx(90 / 300, abs=0.05)
    assert json.loads(found.model_dump_json())["num_records"]["train"] == 200
