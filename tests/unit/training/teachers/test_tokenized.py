"""Requests as tokens, without those too long to read."""

import pytest

from stratos.contracts.messages import NamedTool, Tool
from tests import tool_templates
from tests.unit.training.fakes import ask
from tests.unit.training.tiny_models import make_tokenizer, tool_tokenizer
from training.models.chat import ChatFormat
from training.teachers.tokenized import tokenize_requests


def test_a_request_too_long_to_read_is_answered_at_once_with_nothing():
    told = {}
    found = tokenize_requests(
        [ask("x" * 50), ask("y")],
        ChatFormat(make_tokenizer()),
        max_positions=32,
        name="tiny",
        on_answer=told.__setitem__,
    )
    assert found.readable == [1]
    assert found.completions == [told[0], None]
    assert (told[0].text, told[0].finished, told[0].prompt_tokens) == ("", False, 52)


TOOLS = (Tool(name="sun"), Tool(name="rain"))


@pytest.mark.parametrize(
    ("choice", "begun", "shown"),
    [
        (None, "", {"sun", "rain"}),
        ("auto", "", {"sun", "rain"}),
        ("none", "", {"sun", "rain"}),
        ("required", '<|tool_call|>[{"name": "', {"sun", "rain"}),
        (NamedTool(name="rain"), '<|tool_call|>[{"name": "rain", "arguments": {', {"rain"}),
    ],
)
def test_a_choice_of_tools_decides_what_is_shown_and_how_the_reply_begins(choice, begun, shown):
    tokenizer = tool_tokenizer(tool_templates.GRANITE)
    found = tokenize_requests(
        [ask("?", tools=TOOLS, tool_choice=choice)],
        ChatFormat(tokenizer),
        max_positions=1000,
        name="tiny",
        on_answer=lambda *_: None,
    )
    assert tokenizer.decode(found.begun[0]) == begun
    assert tokenizer.decode(found.read(0)) == tokenizer.decode(found.prompts[0]) + begun
    assert {tool.name for tool in TOOLS if tool.name in tokenizer.decode(found.prompts[0])} == shown
