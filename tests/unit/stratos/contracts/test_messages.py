"""Messages of a chat, as OpenAI's schema and as chat templates have them."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from stratos.contracts.messages import (
    Message,
    Tool,
    ToolCall,
    calls_text,
    listed_calls,
    openai_message,
    openai_tool,
    template_message,
    template_messages,
    with_numbered_calls,
)

CALL = ToolCall(name="weather", arguments={"city": "Zürich", "days": 2}, id="call_a")


def test_a_plain_message_is_its_role_and_content_alone() -> None:
    message = Message(role="user", content="a")
    assert openai_message(message) == template_message(message) == {"role": "user", "content": "a"}
    assert message.model_dump(exclude_none=True) == {"role": "user", "content": "a"}


def test_a_calls_arguments_are_text_for_openai_and_an_object_for_a_template() -> None:
    message = Message(role="assistant", content="", tool_calls=(CALL,))
    (asked,), (shown,) = (
        openai_message(message)["tool_calls"],
        template_message(message)["tool_calls"],
    )
    assert asked["id"] == shown["id"] == "call_a"
    assert asked["function"]["arguments"] == '{"city": "Zürich", "days": 2}'
    assert shown["function"] == {"name": "weather", "arguments": {"city": "Zürich", "days": 2}}


def test_calls_without_an_id_get_one_by_their_place() -> None:
    calls = (ToolCall(name="a"), ToolCall(name="b", id="own"), ToolCall(name="c"))
    written = openai_message(Message(role="assistant", content="", tool_calls=calls))
    assert [call["id"] for call in written["tool_calls"]] == ["call_0", "own", "call_2"]


def test_a_tools_answer_names_its_call_and_tool() -> None:
    answer = Message(role="tool", content="rain", tool_call_id="call_a", name="weather")
    assert openai_message(answer) == {
        "role": "tool",
        "content": "rain",
        "tool_call_id": "call_a",
        "name": "weather",
    }


def test_a_tool_without_a_description_has_an_empty_one_as_llama_cpp_shows_it() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    written = openai_tool(Tool(name="weather", parameters=schema))
    assert json.dumps(written) == json.dumps(
        {
            "type": "function",
            "function": {"name": "weather", "description": "", "parameters": schema},
        }
    )


def test_calls_are_compared_by_name_and_arguments() -> None:
    assert json.loads(calls_text([CALL])) == [
        {"name": "weather", "arguments": {"city": "Zürich", "days": 2}}
    ]
    assert calls_text([]) == "[]"


def test_calls_are_numbered_through_a_conversation_and_answers_name_theirs() -> None:
    asked = Message(role="user", content="a")
    first = Message(role="assistant", content="", tool_calls=(CALL, ToolCall(name="news", id="x")))
    second = Message(role="assistant", content="", tool_calls=(ToolCall(name="news"),))
    answers = [
        Message(role="tool", content="headlines", tool_call_id="x"),
        Message(role="tool", content="rain", tool_call_id="call_a"),
    ]
    unnamed = Message(role="tool", content="more")
    told = with_numbered_calls([asked, first, *answers, second, unnamed])
    calls = [call.id for message in told for call in message.tool_calls or ()]
    assert calls == ["call00000", "call00001", "call00002"]
    found = [(one.content, one.tool_call_id, one.name) for one in told if one.role == "tool"]
    assert found == [
        ("headlines", "call00001", "news"),
        ("rain", "call00000", "weather"),
        ("more", "call00002", "news"),
    ]


def test_a_template_sees_numbered_calls_with_objects_and_plain_messages_as_they_are() -> None:
    asked = Message(role="user", content="a")
    said = Message(role="assistant", content="", tool_calls=(CALL,))
    plain, calling = template_messages([asked, said])
    assert plain == template_message(asked)
    assert calling["tool_calls"][0]["id"] == "call00000"
    assert calling["tool_calls"][0]["function"]["arguments"] == CALL.arguments


def test_an_answer_to_no_call_stays_as_it_is() -> None:
    stray = Message(role="tool", content="rain", tool_call_id="z")
    assert with_numbered_calls([stray]) == [stray]


FLAT = st.text() | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False)
ARGUMENTS = st.dictionaries(
    st.text(), FLAT | st.lists(FLAT, max_size=2) | st.dictionaries(st.text(), FLAT, max_size=2)
)


@given(st.lists(st.tuples(st.text(), ARGUMENTS), max_size=3))
def test_calls_are_written_as_json_does_whatever_their_arguments(
    calls: list[tuple[str, dict[str, JsonValue]]],
) -> None:
    made = [ToolCall.model_construct(name=name, arguments=given) for name, given in calls]
    assert calls_text(made) == json.dumps(listed_calls(made), ensure_ascii=False)
