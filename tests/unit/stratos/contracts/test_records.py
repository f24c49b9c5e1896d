"""Records of a dataset, and of what a student learns, as rows of a file."""

from __future__ import annotations

from pathlib import Path

from stratos.contracts.messages import Message
from stratos.contracts.records import Record, TrainingRecord, read_jsonl, write_jsonl


def test_the_question_is_the_last_thing_that_the_user_says() -> None:
    said = (
        Message(role="system", content="Answer in a word."),
        Message(role="user", content="Two and two?"),
        Message(role="assistant", content="Four."),
        Message(role="user", content="And two more?"),
    )
    assert Record(id="a", messages=said).question == "And two more?"


def test_rows_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    said = (Message(role="user", content="Zwei und zwei?"),)
    rows = [
        Record(id="a", messages=said, gold="vier", split="train"),
        Record(id="b", messages=said, group="g", workload="w", provenance="data.csv:2"),
    ]
    assert write_jsonl(tmp_path / "rows.jsonl", rows) == 2
    assert list(read_jsonl(tmp_path / "rows.jsonl", Record)) == rows


def test_empty_lines_are_passed_over_and_what_a_row_leaves_out_has_a_default(
    tmp_path: Path,
) -> None:
    row = '{"id": "a", "messages": [], "completion": "4", "strategy": "injection"}'
    (tmp_path / "rows.jsonl").write_text(f"\n{row}\n\n")
    (read,) = read_jsonl(tmp_path / "rows.jsonl", TrainingRecord)
    assert read == TrainingRecord(
        id="a", messages=(), completion="4", answer=None, strategy="injection", attempts=1
    )
