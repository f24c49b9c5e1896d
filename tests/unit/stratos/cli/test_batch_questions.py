"""A user's file of questions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stratos.cli.batch_questions import (
    Limits,
    maybe_too_long,
    read_questions,
    told_lines,
    with_unmeasured_tools,
)
from stratos.errors import BatchRejected
from stratos.units import MIB
from tests import factories

LIMITS = Limits(max_tokens=64, max_mib=3)


LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
COUNT = {"type": "function", "function": {"name": "count"}}
CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
UNREAD = CALL | {"function": {"name": "look", "arguments": "[1]"}}


def questions(
    tmp_path: Path, name: str, content: str, limits: Limits = LIMITS
) -> list[dict[str, Any]]:
    path = tmp_path / name
    path.write_bytes(content.encode())
    return [json.loads(line) for line in read_questions(path, "tiles", limits)]


def schema(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": of}}


def chat(*roles: str, **options: Any) -> str:
    messages = [{"role": role, "content": "a"} for role in roles]
    return json.dumps({"messages": messages} | options)


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
        (chat("user", "system", "user"), "can only be the first"),
        (chat("user", tools=[]), "tools are a list of"),
        (chat("user", tools=[{"name": "look"}]), "is no tool; a tool is"),
        (chat("user", tool_choice="auto"), "`tool_choice` chooses among `tools`"),
        (chat("user", tools=[LOOK], tool_choice="any"), "`tool_choice` is 'any'"),
        (chat("user", tools=[LOOK], parallel_tool_calls=1), "it must be true or false"),
        (chat("user", "tool"), "needs the `tool_call_id`"),
        (json.dumps({"messages": [{"role": "user", "tool_calls": [CALL]}]}), "an assistant's"),
        (json.dumps({"messages": [{"role": "assistant", "tool_calls": [{}]}]}), "as text"),
        (
            json.dumps({"messages": [{"role": "assistant", "tool_calls": [UNREAD]}]}),
            "arguments of a call of look are no JSON object",
        ),
        (chat("user", logit_bias={}), "`logit_bias` is not an option"),
        (chat("user", max_tokens=0), "`max_tokens` is 0; it must be a whole number from 1"),
        (chat("user", max_tokens="8"), "`max_tokens` is '8'"),
        (chat("user", max_tokens=True), "`max_tokens` is True"),
        (chat("user", temperature=-1), "a number from 0 to 2"),
        (chat("user", seed=2**32 - 1), "from 0 to 4294967294"),
        (chat("user", stop=[1]), "a text, or a list of them"),
        (chat("user", n=2), "`n` is 2; it must be 1"),
        (chat("user", response_format={"type": "json_object"}), "of type json_schema or text"),
        (chat("user", response_format=schema({"type": "nonsense"})), "not a JSON Schema"),
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
        read_questions(tmp_path / "absent.txt", "tiles", LIMITS)
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(BatchRejected, match="cannot be read"):
        read_questions(tmp_path / "bytes.txt", "tiles", LIMITS)


SHORT_ENGINE = factories.engine(context_tokens=128)
SHORT = Limits(max_tokens=16, max_mib=3, engine=SHORT_ENGINE)


def test_options_that_every_engine_has_are_kept(tmp_path: Path) -> None:
    options: dict[str, Any] = {"seed": 1, "stop": ["x"], "top_p": 0.5, "temperature": 0.7, "n": 1}
    options["response_format"] = schema({"type": "object"})
    line = chat("system", "user", "assistant", "user", **options)
    (asked,) = questions(tmp_path, "q.jsonl", line, SHORT)
    assert {name: asked[name] for name in options} == options


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (chat("user", max_tokens=128), "question and answer together have 128 tokens"),
        (json.dumps({"prompt": "a" * 1025}), "1,025 bytes, too long for the 128 tokens"),
    ],
)
def test_what_no_tokenizer_could_fit_into_the_context_is_refused(
    tmp_path: Path, line: str, problem: str
) -> None:
    with pytest.raises(BatchRejected, match=problem):
        questions(tmp_path, "q.jsonl", line, SHORT)


def test_a_line_with_fewer_bytes_than_the_context_has_tokens_is_never_doubted(
    tmp_path: Path,
) -> None:
    texts = ["short", "x" * 46, "x" * 48, "ü" * 24, "x" * 500]
    path = tmp_path / "q.txt"
    path.write_text("\n".join(texts))
    asked = read_questions(path, "tiles", SHORT)
    assert maybe_too_long(asked, SHORT_ENGINE, []) == [3, 4, 5]
    assert maybe_too_long(asked, SHORT_ENGINE, [asked[2]]) == [5]  # no longer than an answered one
    assert maybe_too_long(asked, None, []) == []
    on_gpu = factories.engine_on("ml.g6.xlarge", context_tokens=128)
    assert maybe_too_long(asked, on_gpu, []) == [2, 3, 4, 5]  # which counts the answer, too


def test_lines_are_told_by_number_and_many_are_counted() -> None:
    assert told_lines([3]) == "line 3"
    assert told_lines(range(1, 13)) == "lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 2 more"


def test_a_line_carries_tools_calls_and_their_answers(tmp_path: Path) -> None:
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "3", "tool_call_id": "c"},
    ]
    named = {"type": "function", "function": {"name": "look"}}
    lines = [
        {"messages": messages, "tools": [LOOK, COUNT], "tool_choice": "required"},
        {"messages": messages, "tools": [LOOK, COUNT], "tool_choice": named},
        {"messages": messages},
    ]
    asked = questions(tmp_path, "q.jsonl", "\n".join(map(json.dumps, lines)))
    # As in training: some templates refuse other ids, or show them.
    call = {"id": "call00000", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    answer = {"role": "tool", "content": "3", "tool_call_id": "call00000", "name": "look"}
    for request in asked:
        (_, calling, answered) = request["messages"]
        assert (calling["content"], calling["tool_calls"], answered) == ("", [call], answer)
    offered = [[tool["function"]["name"] for tool in one.get("tools", [])] for one in asked]
    assert offered == [["look", "count"], ["look"], []]
    assert [one.get("tool_choice") for one in asked] == ["required", "required", None]


def test_tools_count_toward_the_length_of_a_line(tmp_path: Path) -> None:
    engine = factories.engine_on("ml.c7i.large", context_tokens=64)
    long = {"type": "function", "function": {"name": "look", "description": "b" * 600}}
    with pytest.raises(BatchRejected, match="too long for the 64 tokens"):
        questions(tmp_path, "q.jsonl", chat("user", tools=[long]), Limits(8, 3, engine))


def test_tools_may_be_refused_by_a_model_that_was_measured_without() -> None:
    plain, calling = chat("user"), chat("user", tools=[LOOK])
    assert with_unmeasured_tools([plain, calling, calling], [plain]) == [2, 3]
    assert with_unmeasured_tools([plain, calling], [plain, calling]) == []
    assert with_unmeasured_tools([plain], []) == []
