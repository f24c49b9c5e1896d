"""Lengths in tokens are those of a sample, by the student's vocabulary where it is at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stratos.catalog.files import FilesOnDisk
from stratos.contracts.messages import Message, Tool, ToolCall
from stratos.contracts.records import SPLITS, Record, write_jsonl
from stratos.dataset.token_lengths import token_lengths
from tests import factories


@pytest.fixture
def splits(tmp_path: Path) -> Path:
    for split in SPLITS:
        write_jsonl(tmp_path / f"{split}.jsonl", [])
    return tmp_path


def asked(text: str, **fields: object) -> Record:
    return Record(id="r", messages=(Message(role="user", content=text),), **fields)


def test_without_a_tokenizer_a_token_is_four_characters_and_that_is_told(splits: Path) -> None:
    write_jsonl(splits / "probe.jsonl", [asked("x" * 40, gold="y" * 8)])
    found = token_lengths(splits, None, FilesOnDisk(splits))
    assert found.counted_by is None
    assert (found.num_records, found.prompts.max, found.replies.max) == (1, 10, 2)


def test_the_students_vocabulary_counts(splits: Path) -> None:
    folder = splits / "models" / "student"
    folder.mkdir(parents=True)
    tokenizer = {"model": {"vocab": {"aaaa": 0, "a": 1, "b": 2}}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    write_jsonl(splits / "heldout.jsonl", [asked("aaaab", gold="a")])
    found = token_lengths(splits, factories.spec(), FilesOnDisk(splits))
    assert found.counted_by == "models/student/tokenizer.json"
    assert (found.prompts.max, found.replies.max) == (2, 1)


def test_tools_count_with_the_prompt_and_calls_with_the_reply(splits: Path) -> None:
    call = ToolCall(name="look_up", arguments={"number": 1})
    reply = Message(role="assistant", content="", tool_calls=(call,))
    bare = asked("x" * 40, gold="[]")
    write_jsonl(splits / "train.jsonl", [bare])
    before = token_lengths(splits, None, FilesOnDisk(splits))
    tools = (Tool(name="look_up", description="finds an order"),)
    write_jsonl(splits / "train.jsonl", [bare.model_copy(update={"tools": tools, "reply": reply})])
    after = token_lengths(splits, None, FilesOnDisk(splits))
    assert after.prompts.max > before.prompts.max
    assert after.replies.max > before.replies.max


def test_the_sample_ends_and_a_very_long_text_is_scaled(splits: Path) -> None:
    write_jsonl(splits / "heldout.jsonl", [asked("x" * 400_000) for _ in range(9)])
    write_jsonl(splits / "train.jsonl", [asked("x" * 4)])
    found = token_lengths(splits, None, FilesOnDisk(splits))
    assert (found.num_records, found.prompts.max) == (3, 100_000)
    write_jsonl(splits / "heldout.jsonl", [asked("x") for _ in range(900)])
    assert token_lengths(splits, None, FilesOnDisk(splits)).num_records == 500
