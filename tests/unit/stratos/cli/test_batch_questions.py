"""A user's file of questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stratos.cli.batch_questions import read_questions
from stratos.errors import BatchRejected
from stratos.units import MIB


def questions(tmp_path: Path, name: str, content: str) -> list[dict[str, Any]]:
    path = tmp_path / name
    path.write_bytes(content.encode())
    return [json.loads(line) for line in read_questions(path, "tiles", 64, 3)]


def test_each_line_of_text_is_a_question(tmp_path: Path) -> None:
    asked = questions(tmp_path, "q.txt", "\ufeffone\u2028still one\r\ntwo\n\n")
    assert [request["messages"][0]["content"] for request in asked] == ["one\u2028still one", "two"]
    assert {(r["model"], r["max_tokens"], r["temperature"]) for r in asked} == {("tiles", 64, 0)}


def test_chats_keep_their_own_options_and_prompts_become_chats(tmp_path: Path) -> None:
    lines = [
        {"messages": [{"role": "user", "content": "a"}], "max_tokens": 3, "seed": 7, "model": "x"},
        {"prompt": "b"},
        {"inputs": "c"},
    ]
    asked = questions(tmp_path, "q.jsonl", "\n".join(map(json.dumps, lines)))
    assert [request["messages"][0]["content"] for request in asked] == ["a", "b", "c"]
    assert (asked[0]["max_tokens"], asked[0]["seed"], asked[1]["max_tokens"]) == (3, 7, 64)
    assert {request["model"] for request in asked} == {"tiles"}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"messages": [', "it is not JSON"),
        ("[1]", "not a JSON object"),
        ("", "it is not JSON"),
        ('{"text": "a"}', "neither `messages` nor one question"),
        ('{"inputs": ["a", "b"]}', "neither `messages` nor one question"),
        ('{"inputs": "a", "parameters": {}}', "parameters beside a plain question"),
        ('{"messages": []}', "at least one message"),
        ('{"messages": [{"role": "robot", "content": "a"}]}', "'robot'"),
        ('{"messages": [{"role": "user", "content": 3}]}', "both text"),
        ('{"messages": [{"role": "user", "content": "a"}], "stream": true}', "`stream`"),
        (json.dumps({"prompt": "a" * 3 * MIB}), "over 3 MB"),
    ],
)
def test_a_line_that_cannot_be_asked_is_named_by_its_number(
    tmp_path: Path, line: str, problem: str
) -> None:
    with pytest.raises(BatchRejected, match=r"1 of 3 lines cannot be asked.*line 2: ") as refused:
        questions(tmp_path, "q.jsonl", f'{{"prompt": "a"}}\n{line}\n{{"prompt": "c"}}\n')
    assert problem in str(refused.value)


def test_a_file_without_questions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BatchRejected, match="holds no question"):
        questions(tmp_path, "q.txt", "\n\n")
    with pytest.raises(BatchRejected, match="cannot be read"):
        read_questions(tmp_path / "absent.txt", "tiles", 64, 3)
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(BatchRejected, match="cannot be read"):
        read_questions(tmp_path / "bytes.txt", "tiles", 64, 3)
