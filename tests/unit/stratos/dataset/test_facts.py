"""What is counted of a record, kept beside it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stratos.contracts.messages import Message, Tool, ToolCall, calls_text
from stratos.contracts.records import Record
from stratos.dataset.facts import Facts, facts_of
from stratos.dataset.spool import line_of
from stratos.dataset.tool_texts import ToolTexts

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ['"', "\\", "\\n", '{"role":"user"}', "a\tb\nc\x00\x7f\u2028", "\N{PILE OF POO}"]
)


def kept(record: Record) -> tuple[Facts, bytes]:
    """The facts of a record as they are read again, and its line."""
    line = line_of(record)
    written = facts_of(record, line, ToolTexts().of(record)).written()
    assert not {b"\t", b"\n"} & {written[i : i + 1] for i in range(len(written))}
    return Facts.read(written), line


@given(st.lists(TEXTS, min_size=1), TEXTS, TEXTS)
def test_the_question_is_found_in_any_line(said: list[str], reply: str, workload: str) -> None:
    messages = tuple(Message(role="user", content=content) for content in said)
    record = Record(
        id=reply,
        messages=messages,
        reply=Message(role="assistant", content=reply),
        gold=reply,
        workload=workload,
    )
    facts, line = kept(record)
    assert facts.question(line) == record.question
    assert (facts.prompt_length, facts.gold_length) == (sum(map(len, said)), len(reply))
    assert facts.shape.workload == workload


def test_a_long_question_is_found_behind_others_that_begin_alike() -> None:
    begins = "the same words stand at the beginning of each message; "
    said = [Message(role="user", content=begins + end) for end in ("a", "b", "", "ab")]
    facts, line = kept(Record(id=begins, messages=tuple(said)))
    assert facts.question(line) == begins + "ab"


def test_calls_and_tools_count_as_characters_and_are_named() -> None:
    calls = (ToolCall(name="look_up", arguments={"order": 7}), ToolCall(name="refund"))
    tools = (Tool(name="look_up"), Tool(name="refund", description="pays"))
    record = Record(
        id="1",
        messages=(
            Message(role="system", content="Be kind."),
            Message(role="user", content="7?"),
            Message(role="assistant", content="", tool_calls=calls),
            Message(role="user", content="And?"),
        ),
        tools=tools,
        reply=Message(role="assistant", content="", tool_calls=calls[1:]),
        group="g",
    )
    facts, line = kept(record)
    offered = sum(len(tool.model_dump_json(exclude_none=True)) for tool in tools)
    assert facts.prompt_length == len("Be kind.7?And?") + len(calls_text(calls)) + offered
    assert facts.gold_length is None
    assert facts.shape == (4, True, True, True, True, None, ("look_up", "refund"), ("refund",))
    assert facts.question(line) == "And?"


def test_a_bare_question_has_one_message_and_nothing_else() -> None:
    facts, _ = kept(Record(id="1", messages=(Message(role="user", content="7?"),)))
    assert facts.shape == (1, False, False, False, False, None, (), ())
