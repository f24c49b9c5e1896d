"""Rows read into records, and what cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.contracts.messages import Message, NamedTool, ToolCall
from stratos.contracts.records import SPLITS, Record, read_jsonl
from stratos.dataset.formats.row import RowError, json_value
from stratos.dataset.inspect_dataset import inspect_dataset
from stratos.dataset.reading import DatasetReader
from stratos.errors import DatasetRejected
from tests import factories
from tests.unit.stratos.dataset.inspecting import files, inspect, inspect_bytes, task


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


def test_bad_lines_that_are_skipped_have_a_limit(tmp_path: Path) -> None:
    good = factories.jsonl(factories.dataset_rows(285))
    found, _ = inspect_bytes(tmp_path, good + b"{broken\n" * 15, on_bad_line="skip")
    assert found.num_bad_lines == 15
    with pytest.raises(DatasetRejected, match=r"16 of 301 .*\n- and|max_bad_share.* allows 5%"):
        inspect_bytes(tmp_path, good + b"{broken\n" * 16, on_bad_line="skip")
    share = {"on_bad_line": "skip", "max_bad_share": 0.5}
    found, _ = inspect_bytes(tmp_path, good + b"{broken\n" * 200, **share)
    assert found.num_bad_lines == 200


def test_a_lone_surrogate_is_a_bad_line(tmp_path: Path) -> None:
    rows = factories.jsonl(factories.dataset_rows(300)) + b'{"prompt": "a \\ud800"}\n'
    with pytest.raises(DatasetRejected, match=r"d\.jsonl:301: it has \\ud800, half of a surrogate"):
        inspect_bytes(tmp_path, rows)


def first(folder: Path, row: dict[str, Any], **changes: Any) -> Record:
    """The record of a row, read among others."""
    others = [{"prompt": f"q{n}", "completion": "s1"} for n in range(300)]
    content = {"a.jsonl": factories.jsonl([row]), "b.jsonl": factories.jsonl(others)}
    inspect_dataset(files(content), task(**changes), folder)
    for split in SPLITS:
        for record in read_jsonl(folder / f"{split}.jsonl", Record):
            if record.provenance == "a.jsonl:1":
                return record
    raise AssertionError("the record is in no split")


@pytest.mark.parametrize(
    ("answer", "gold"),
    [(4, "4"), (4.5, "4.5"), (True, "true"), ({"a": [1]}, '{"a": [1]}'), ("#### 4", "4")],
)
def test_a_gold_answer_may_be_any_value(tmp_path: Path, answer: Any, gold: str) -> None:
    assert first(tmp_path, {"question": "q", "answer": answer}).gold == gold


@pytest.mark.parametrize("marker", ["", "####"])
def test_a_reply_is_kept_whole_beside_its_answer(tmp_path: Path, marker: str) -> None:
    text = "\n  Because.\n\n#### 4 \n"
    record = first(tmp_path, {"prompt": " q ", "completion": text}, answer_marker=marker)
    assert record.messages == (Message(role="user", content=" q "),)
    assert record.reply == Message(role="assistant", content=text)
    assert record.gold == ("4" if marker else text.strip())


TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
CALLED = {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"a": [1, "é"]}'}}]}
GOLD = '[{"name": "f", "arguments": {"a": [1, "é"]}}]'
ASKED = {"role": "user", "content": "q"}
TOOL_CALL = {"verifier": {"kind": "tool_call"}}


def test_calls_are_the_gold_answer_of_a_verifier_of_calls(tmp_path: Path) -> None:
    row = {"messages": [ASKED, {"role": "assistant", "content": "So:", **CALLED}], "tools": TOOLS}
    record = first(tmp_path, {**row, "tool_choice": "required"}, **TOOL_CALL)
    assert record.gold == GOLD
    assert record.reply is not None
    assert record.reply.content == "So:"
    assert record.reply.tool_calls == (ToolCall(name="f", arguments={"a": [1, "é"]}, id="c"),)
    assert record.tools is not None
    assert (record.tools[0].name, record.tool_choice) == ("f", "required")


def test_a_choice_of_an_offered_tool_is_kept(tmp_path: Path) -> None:
    choice = {"type": "function", "function": {"name": "f"}}
    replied = {"role": "assistant", "content": "", **CALLED}
    row = {"messages": [ASKED, replied], "tools": TOOLS, "tool_choice": choice}
    assert first(tmp_path, row, **TOOL_CALL).tool_choice == NamedTool(name="f")


def test_a_reply_without_calls_calls_nothing(tmp_path: Path) -> None:
    row = {"messages": [ASKED, {"role": "assistant", "content": "No need."}], "tools": TOOLS}
    assert first(tmp_path, row, **TOOL_CALL).gold == "[]"


@pytest.mark.parametrize("gold", [GOLD, f'{{"any_of": [{GOLD}, []]}}'])
def test_calls_may_be_given_as_json_beside_the_question(tmp_path: Path, gold: str) -> None:
    row = {"messages": [ASKED], "tools": TOOLS, "answer": json.loads(gold)}
    record = first(tmp_path, row, **TOOL_CALL)
    assert record.gold == gold
    assert record.reply is not None
    assert record.reply.tool_calls == (ToolCall(name="f", arguments={"a": [1, "é"]}),)


def test_arguments_that_are_no_object_are_a_bad_line_told_by_the_tools_name(tmp_path: Path) -> None:
    call = {"id": "c", "function": {"name": "send_mail", "arguments": "to: Ann"}}
    reply = {"role": "assistant", "content": None, "tool_calls": [call]}
    rows = [*factories.dataset_rows(300)]
    content = {
        "a.jsonl": factories.jsonl([{"messages": [ASKED, reply]}]),
        "b.jsonl": factories.jsonl(rows),
    }
    with pytest.raises(
        DatasetRejected, match=r"a\.jsonl:1: .* calls send_mail with arguments that"
    ):
        inspect_dataset(files(content), task(), tmp_path)


@pytest.mark.parametrize("offered", [["find"], []])
def test_a_choice_of_a_tool_that_is_not_offered_is_a_bad_line(offered: list[str]) -> None:
    row = {
        "messages": [{"role": "user", "content": "Where is it?"}],
        "tools": [{"type": "function", "function": {"name": name}} for name in offered],
        "tool_choice": {"type": "function", "function": {"name": "refund"}},
    }
    reader = DatasetReader(task())
    assert list(reader.read("d.jsonl", [json.dumps(row).encode()])) == []
    told = ", ".join(offered) or "none"
    assert reader.bad_lines == [
        f"d.jsonl:1: the tool to be called is 'refund', and the row offers {told}; offer it, or "
        "leave the choice out"
    ]


def test_what_is_no_answer_is_counted_by_kind_and_is_no_gold(tmp_path: Path) -> None:
    def logged(number: int, **reply: Any) -> dict[str, Any]:
        choice = {"message": {"role": "assistant", "content": "s1"}, **reply}
        asked = {"messages": [{"role": "user", "content": f"question {number}"}]}
        return {"request": asked, "response": {"choices": [choice]}}

    def called(number: int) -> dict[str, Any]:
        return logged(number, message={"role": "assistant", **CALLED})

    kinds: list[Callable[[int], dict[str, Any]]] = [
        lambda n: logged(n, finish_reason="length"),
        lambda n: logged(n, finish_reason="content_filter"),
        lambda n: logged(n, message={"role": "assistant", "content": ""}),
        lambda n: logged(n, message={"role": "assistant", "content": "<think>hm</think>"}),
        lambda n: {**logged(n), "response": {"error": "overloaded"}},
        lambda n: {**logged(n), "response": None},
        called,
    ]
    rows = [logged(n, finish_reason="stop") for n in range(200)]
    rows += [kinds[n % len(kinds)](200 + n) for n in range(7 * len(kinds))]
    found, splits = inspect(tmp_path, rows)
    once = ("absent", "calls only", "cut", "error", "refused")
    assert found.no_answer == {**dict.fromkeys(once, 7), "empty": 14}
    assert (found.num_bad_lines, found.num_gold, sum(found.num_records.values())) == (0, 200, 249)
    assert all(record.gold for record in splits["heldout"] + splits["probe"])
    with pytest.raises(DatasetRejected, match=r"that are no answer: 7 absent, 7 calls only, 7 cut"):
        inspect(tmp_path, rows[100:])


def test_a_history_that_is_too_long_is_cut_and_counted(tmp_path: Path) -> None:
    turns = [{"role": r, "content": "x" * 60} for _ in range(5) for r in ("user", "assistant")]
    row = {"messages": [*turns, ASKED, {"role": "assistant", "content": "s1"}]}
    record = first(tmp_path, row, max_history_characters=240)
    assert len(record.messages) == 5
    last = {"role": "assistant", "content": "s1"}
    rows = [{"messages": [*turns, {"role": "user", "content": f"{n}"}, last]} for n in range(300)]
    for number, one in enumerate(rows):
        one["messages"] = [{"role": "user", "content": f"{number}"}, last, *one["messages"]]
    found, _ = inspect(tmp_path, rows, max_history_characters=240)
    assert found.num_shortened == 300
    found, _ = inspect(tmp_path, rows)
    assert found.num_shortened == 0


def test_prompts_in_a_models_markup_are_read_as_turns_and_counted(tmp_path: Path) -> None:
    rows = [{"prompt": f"<s>[INST] {n}? [/INST]", "completion": f"s{n % 9}"} for n in range(300)]
    rows[:9] = [{**row, "prompt": row["prompt"] + " It is"} for row in rows[:9]]
    found, splits = inspect(tmp_path, rows)
    assert (found.num_prompts_in_turns, found.num_prompts_in_markup) == (291, 9)
    asked = {record.messages[-1].content for split in splits.values() for record in split}
    assert {"9?", "<s>[INST] 8? [/INST] It is"} < asked


def test_turns_of_a_row_are_records_of_their_own(tmp_path: Path) -> None:
    rows = [
        {
            "id": f"c{n}",
            "messages": [
                {"role": role, "content": f"{role} {n} {turn}"}
                for turn in range(3)
                for role in ("user", "assistant")
            ],
        }
        for n in range(100)
    ]
    found, splits = inspect(tmp_path, rows, learn="all")
    records = [record for split in splits.values() for record in split]
    assert (found.num_lines, len(records), found.num_groups) == (100, 300, 100)
    assert {record.id for record in records} == {f"c{n}/{t}" for n in range(100) for t in (1, 2, 3)}


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


def test_a_line_of_any_depth_is_read_or_bad() -> None:
    depths = [*range(1, 1100), 20_000, 200_000]  # CPython 3.12 goes deeper than 3.11
    lines = [
        b'{"prompt": "q", "completion": ' + b'{"a":' * deep + b"1" + b"}" * (deep + 1)
        for deep in depths
    ]
    reader = DatasetReader(task(verifier={"kind": "exact"}))
    read = list(reader.read("d.jsonl", lines))
    assert len(read) + reader.num_bad_lines == len(depths)
    assert reader.num_bad_lines
    assert all(" nested too deeply" in told or "recursion" in told for told in reader.bad_lines)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), _JSON), st.booleans())
def test_a_line_is_parsed_as_json_does(row: dict[str, object], escaped: bool) -> None:
    line = json.dumps(row, ensure_ascii=escaped)
    assert repr(json_value(line.encode(), "it")) == repr(json.loads(line))


@pytest.mark.parametrize(
    "line",
    [
        '{"a": ' + "[" * 400 + "]" * 400 + "}",
        '{"a": 123456789012345678901234567890}',
        '{"a": NaN, "b": -Infinity, "c": 1e999}',
        '{"a": 1, "a": 2}',
    ],
)
def test_a_line_that_the_fast_parser_refuses_is_still_read(line: str) -> None:
    assert repr(json_value(line.encode(), "it")) == repr(json.loads(line))


@pytest.mark.parametrize("line", [r'{"a": "\ud800"}', r'{"\uDFFF": 1}', r'["\ud800\u0041"]'])
@pytest.mark.parametrize("encoding", ["utf-8", None])
def test_half_of_a_surrogate_pair_is_refused_by_name(line: str, encoding: str | None) -> None:
    with pytest.raises(RowError, match=r"^it has \\ud.*half of a surrogate pair"):
        json_value(line.encode(encoding) if encoding else line, "it")


@pytest.mark.parametrize(
    "line", ['{"a": 01}', '{"a": 1,}', "{'a': 1}", '{"a": "\t"}', '{"a": nan}']
)
def test_what_json_refuses_is_refused(line: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        json_value(line.encode(), "it")
