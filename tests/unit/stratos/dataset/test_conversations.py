"""Templates are tried on one conversation of each kind that a dataset holds."""

from __future__ import annotations

from pathlib import Path

from stratos.contracts.messages import Message, Tool, ToolCall
from stratos.contracts.records import SPLITS, Record, write_jsonl
from stratos.dataset.conversations import conversation_of, conversations_in

CALL = ToolCall(name="weather", arguments={"city": "Oslo"}, id="x")
TOOLS = (Tool(name="weather"),)
USER = Message(role="user", content="sun?")
CALLING = Message(role="assistant", content="", tool_calls=(CALL,))
TWICE = Message(role="assistant", content="", tool_calls=(CALL, CALL))


def record(number: int, *messages: Message, **more: object) -> Record:
    return Record(id=str(number), messages=messages or (USER,)).model_copy(update=more)


def test_one_conversation_of_each_kind_is_given(tmp_path: Path) -> None:
    records = [
        record(0),
        record(1),
        record(2, Message(role="system", content="brief"), USER),
        record(3, tools=TOOLS),
        record(4, tools=TOOLS, reply=CALLING),
        record(5, tools=TOOLS, reply=CALLING),
        record(6, tools=TOOLS, reply=TWICE),
        record(7, USER, CALLING, Message(role="tool", content="rain"), tools=TOOLS),
    ]
    for split in SPLITS:
        write_jsonl(tmp_path / f"{split}.jsonl", records)
    found = [(one.roles, len(one.tools), bool(one.reply)) for one in conversations_in(tmp_path)]
    assert found == [
        (("user",), 0, False),
        (("system", "user"), 0, False),
        (("user",), 1, False),
        (("user",), 1, True),
        (("user",), 1, True),
        (("user", "assistant", "tool"), 1, False),
    ]


def test_a_plain_reply_is_no_part_of_what_is_tried() -> None:
    said = Message(role="assistant", content="no")
    assert conversation_of(record(0, tools=TOOLS, reply=said)).reply is None


def test_calls_are_numbered_on_from_the_messages_before() -> None:
    asked = record(0, USER, CALLING, Message(role="tool", content="rain"), reply=CALLING)
    reply = conversation_of(asked).reply
    assert reply is not None
    assert reply["tool_calls"][0]["id"] == "call00001"  # type: ignore[index,call-overload]


def test_no_more_than_so_many_kinds_are_tried(tmp_path: Path) -> None:
    for split in SPLITS:
        write_jsonl(tmp_path / f"{split}.jsonl", [record(n, *[USER] * n) for n in range(1, 200)])
    assert len(list(conversations_in(tmp_path))) == 128
