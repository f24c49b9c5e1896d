"""Inspections of earlier releases can be read."""

from __future__ import annotations

from stratos.dataset.inspection import Inspection

BEFORE = """{"formats": {"d.jsonl": "prompt_completion"}, "num_lines": 9, "num_bad_lines": 0,
 "bad_lines": [], "num_exact_duplicates": 1, "num_near_duplicates": 0, "num_contradictions": 0,
 "num_groups": 8, "num_records": {"train": 8, "probe": 0, "heldout": 0}, "num_gold": 8,
 "prompt_characters": {"mean": 4.0, "p50": 4, "p95": 4, "max": 4},
 "gold_characters": {"mean": 1.0, "p50": 1, "p95": 1, "max": 1}, "num_distinct_answers": 2,
 "most_common_answer": "a", "most_common_share": 0.5, "workloads": {}}"""


def test_an_inspection_from_before_reasons_and_tokens_were_kept_is_read() -> None:
    found = Inspection.model_validate_json(BEFORE)
    assert (found.left_out, found.common_answers, found.conversations) == ({}, (), None)
    assert found.tokens is None
