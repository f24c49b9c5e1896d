"""Rows read into records, and what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratos.errors import DatasetRejected
from tests import factories
from tests.unit.stratos.dataset.inspecting import inspect, inspect_bytes


def test_the_gold_answer_is_what_follows_the_marker(tmp_path: Path) -> None:
    rows = [
        {"question": f"What is {i} + {i}?", "answer": f"It is {i} + {i}.\n#### {2 * i}"}
        for i in range(200)
    ]
    found, splits = inspect(tmp_path, rows, verifier={"kind": "number"})
    assert found.formats == {"d.jsonl": "gsm8k"}
    assert all(r.gold is not None and r.gold.isdigit() for r in splits["heldout"])


def test_bad_lines_are_named_by_file_and_line(tmp_path: Path) -> None:
    rows = factories.jsonl(factories.dataset_rows(300)).splitlines(keepends=True)
    rows[4] = b"{broken\n"
    rows[9] = b'{"prompt": 5}\n'
    rows[11] = b"\xff\n"
    rows[12] = b"[" * 100_000 + b"\n"
    with pytest.raises(DatasetRejected) as caught:
        inspect_bytes(tmp_path, b"".join(rows))
    told = str(caught.value)
    assert "4 of 300 lines cannot be read" in told
    for place in ("d.jsonl:5: is not JSON", "d.jsonl:10: prompt is a number", "d.jsonl:12: byte 0"):
        assert place in told
    found, _ = inspect_bytes(tmp_path, b"".join(rows), on_bad_line="skip")
    assert (found.num_bad_lines, found.num_lines) == (4, 300)


def test_the_format_that_a_spec_names_holds_for_every_line(tmp_path: Path) -> None:
    rows = [row | {"question": "?", "answer": "!"} for row in factories.dataset_rows(300)]
    found, _ = inspect(tmp_path, rows, format="prompt_completion")
    assert found.formats == {"d.jsonl": "prompt_completion"}
    with pytest.raises(DatasetRejected, match="has no field 'messages', which the format openai"):
        inspect(tmp_path, rows, format="openai_chat")


def test_a_gold_answer_that_its_verifier_rejects_is_a_bad_line(tmp_path: Path) -> None:
    rows = [{"prompt": f"What is {i}?", "completion": f"{i}"} for i in range(300)]
    rows[7]["completion"] = "between 3 and 5"
    with pytest.raises(DatasetRejected, match=r"d\.jsonl:8: the gold answer does not hold exactly"):
        inspect(tmp_path, rows, verifier={"kind": "number"})
    found, _ = inspect(tmp_path, rows, verifier={"kind": "exact"})
    assert found.num_bad_lines == 0


def test_a_heading_in_a_logged_reply_is_no_gold_answer(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"What is {i}?", "completion": f"#### Answer {i}\n\n#### Next steps\n\n1. Pay."}
        for i in range(300)
    ]
    _, splits = inspect(tmp_path, rows, verifier={"kind": "normalised"})
    assert all(r.gold is not None and r.gold.endswith("1. Pay.") for r in splits["heldout"])
