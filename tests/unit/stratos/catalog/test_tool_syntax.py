"""The syntax of calls is found out from a template, and reads what models write in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stratos.catalog.call_forms import Tools, WrittenCall
from stratos.catalog.rendering import template_renderer
from stratos.catalog.tool_syntax import CallSyntax, derive_syntax
from tests import tool_templates
from tests.tool_templates import SYNTAXES

TOOLS: Tools = {
    "get_weather": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "metric": {"type": "boolean"},
    },
    "ask": {"what": {"type": "string"}},
}
WEATHER = WrittenCall("get_weather", {"city": "São Paulo", "days": 3, "metric": True})
ASK = WrittenCall("ask", {"what": "a, b and [c]"})


def _quoted(template: str) -> str:
    """Strings in quotes, in a syntax that has none around numbers."""
    return template.replace("value if value is string else value | tojson", "value | tojson")


def syntax_of(template: str) -> CallSyntax:
    return derive_syntax(template_renderer(template, {}))


def rendered(template: str, text: str, calls: list[WrittenCall]) -> str:
    """What the template writes in place of a reply, without the end of the turn."""
    called: list[dict[str, Any]] = [
        {
            "id": f"abcdefgh{number}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for number, call in enumerate(calls)
    ]
    render = template_renderer(template, {})
    reply = {"role": "assistant", "content": text, "tool_calls": called}
    whole = render([{"role": "user", "content": "?"}, reply], [], False)
    head = "<|im_start|>assistant\n" if "<|im_start|>" in template else "<|assistant|>"
    return whole.partition(head)[2].removesuffix("<|end|>")


@pytest.mark.parametrize("name", SYNTAXES)
def test_what_a_template_writes_is_read_again(name: str) -> None:
    syntax = syntax_of(SYNTAXES[name])
    read = syntax.read(rendered(SYNTAXES[name], "", [WEATHER]), TOOLS)
    assert read is not None
    assert (read.text, read.calls) == ("", (WEATHER,))


@pytest.mark.parametrize("name", sorted(SYNTAXES.keys() - {"Llama 3"}))
def test_several_calls_are_read_in_their_order(name: str) -> None:
    calls = [ASK, WEATHER, ASK]
    read = syntax_of(SYNTAXES[name]).read(rendered(SYNTAXES[name], "", calls), TOOLS)
    assert read is not None
    assert read.calls == tuple(calls)


@pytest.mark.parametrize("name", sorted(SYNTAXES.keys() - {"Llama 3", "Python"}))
def test_text_before_calls_is_told_apart(name: str) -> None:
    written = rendered(SYNTAXES[name], "I look.", [ASK])
    read = syntax_of(SYNTAXES[name]).read(written, TOOLS)
    assert read is not None
    assert (read.text, read.calls) == ("I look.", (ASK,))


@pytest.mark.parametrize("name", SYNTAXES)
@pytest.mark.parametrize(
    "text",
    ["", "Sunny.", "  ", "{", "[", '{"name": "x"}', "[1, 2]", "see [1](x) {y}", "\ud800", "f(x=1"],
)
def test_text_that_is_no_call_is_none(name: str, text: str) -> None:
    assert syntax_of(SYNTAXES[name]).read(text, TOOLS) is None


@pytest.mark.parametrize("name", SYNTAXES)
def test_a_call_that_was_cut_off_within_is_none(name: str) -> None:
    syntax, written = syntax_of(SYNTAXES[name]), rendered(SYNTAXES[name], "", [WEATHER])
    assert syntax.read(written[: written.index("Paulo")], TOOLS) is None


def test_blanks_may_differ_and_the_end_may_be_missing() -> None:
    syntax = syntax_of(tool_templates.HERMES)
    call = '{"name": "ask", "arguments": {"what": "a, b and [c]"}}'
    for text in (
        f"<tool_call>{call}</tool_call>",
        f"<tool_call>\n\n{call}",
        f"<tool_call> {call} </tool_call>\nThat is all.",
    ):
        read = syntax.read(text, TOOLS)
        assert read is not None
        assert read.calls == (ASK,)


HOSTILE = [
    '{"name": "ask", "arguments": {"what": ' + "[" * 100_000,
    '{"name": "ask", "arguments": {"what": 1e999}}',
    '{"name": "ask", "arguments": {"what": NaN}}',
    '{"name": "ask", "arguments": {"what": "\\ud800"}}',
    '{"name": "ask", "arguments": {"what": ' + "9" * 10_000 + "}}",
    '{"name": ["ask"], "arguments": {}}',
    '{"name": "ask", "arguments": "{"}',
    "ask(" + "(" * 5_000 + ")" * 5_000 + ")",
    "ask(what=__import__('os'))",
    "ask(**{'what': 1})",
    "ask(what={1: {2}})",
    "ask('positional')",
    r"ask(what='\d' '",
]


@pytest.mark.parametrize("name", ["Hermes", "Llama 3", "Python", "tags"])
@pytest.mark.parametrize("inside", HOSTILE, ids=range(len(HOSTILE)))
def test_a_malformed_call_is_none_and_never_raises(name: str, inside: str) -> None:
    syntax = syntax_of(SYNTAXES[name])
    closes = {"Hermes": "\n</tool_call>", "Python": "]"}.get(name, "")
    assert syntax.read(f"{syntax.opens}{inside}{closes}", TOOLS) is None


def test_a_tagged_value_is_what_the_schema_says() -> None:
    syntax = syntax_of(tool_templates.TAGS)
    written = rendered(tool_templates.TAGS, "", [WrittenCall("ask", {"what": "12"})])
    read = syntax.read(written, TOOLS)
    assert read is not None
    assert read.calls == (WrittenCall("ask", {"what": "12"}),)
    read = syntax.read(written, {"ask": {"what": {"type": "integer"}}})
    assert read is not None
    assert read.calls == (WrittenCall("ask", {"what": 12}),)


def test_constants_of_json_and_of_python_are_read_in_a_python_call() -> None:
    syntax = syntax_of(tool_templates.PYTHON)
    read = syntax.read("[ask(what=[true, None, {'a': false}])]", TOOLS)
    assert read is not None
    assert json.dumps(read.calls[0].arguments) == '{"what": [true, null, {"a": false}]}'


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        (tool_templates.DEAF, "leaves out the name or the arguments"),
        (tool_templates.MUTE, "leaves out the name or the arguments"),
        (tool_templates.FORGETFUL, "renders the messages before a reply otherwise"),
        (tool_templates.HERMES.replace("{{ name }}", "{{ name | upper }}"), "leaves out the name"),
        (_quoted(tool_templates.PAIRS), "cannot be read again"),
    ],
)
def test_a_template_whose_calls_cannot_be_read_is_refused(template: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        syntax_of(template)
