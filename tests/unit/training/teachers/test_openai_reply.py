import pytest

from tests.unit.training.misbehaving_server import says
from training.teachers.openai_reply import Malformed, read_chat_completion


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "text",
        {},
        {"choices": []},
        {"choices": "text"},
        {"choices": [7]},
        {"choices": [{"message": None}]},
        says({"content": 7}),
        says({"content": {"text": "a"}}),
        says({"content": "half"}, "error"),
    ],
)
def test_what_is_no_chat_completion_is_malformed(answer):
    with pytest.raises(Malformed):
        read_chat_completion(answer, offered_tools=True)


def test_a_call_of_an_older_service_is_read():
    alone = {"content": None, "function_call": {"name": "f", "arguments": "{}"}}
    read = read_chat_completion(says(alone, "function_call"), offered_tools=True)
    assert [call.name for call in read.tool_calls] == ["f"]
    assert read.finished


def test_odd_calls_raise_nothing():
    odd = [7, None, {}, {"function": 7}, {"function": {"name": 3}}, {"function": {"name": ""}}]
    odd.append({"function": {"name": "f"}})
    read = read_chat_completion(says({"tool_calls": odd}), offered_tools=True)
    assert [(call.name, call.arguments) for call in read.tool_calls] == [("f", {})]
    assert not read.finished


def test_fields_of_odd_kinds_raise_nothing():
    parts = [{"type": {}, "text": "a"}, {"type": [], "text": "b"}, {"type": "text", "text": "c"}]
    read = read_chat_completion(says({"content": parts}, {"why": []}), offered_tools=False)
    assert (read.text, read.finished) == ("c", True)


def test_all_that_was_written_is_told_for_the_bill():
    call = {"function": {"name": "long_name", "arguments": "{}"}}
    said = {"content": "text", "reasoning": "thought", "refusal": "no", "tool_calls": [call]}
    read = read_chat_completion(says(said), offered_tools=False)
    assert all(part in read.written for part in ("text", "thought", "no", "long_name"))
    assert read.tool_calls == ()
