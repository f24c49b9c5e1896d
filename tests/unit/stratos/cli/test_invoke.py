"""`stratos invoke` with tools."""

from __future__ import annotations

import json

import pytest

from stratos.cli import endpoint
from tests.unit.stratos.cli.stack_contents import put_run, run

LOOK = {"name": "look", "description": "around", "parameters": {"type": "object"}}
TOOLS = [{"type": "function", "function": LOOK}]


@pytest.fixture
def calling(stack, monkeypatch):
    """Requests that reach the endpoint of r-1, which calls a tool."""
    put_run(stack, "r-1", endpoint_name="e")
    sent = []

    def send(_stack, _run, _name, body):
        sent.append(json.loads(body))
        function = {"name": "look", "arguments": '{"where": "Malmö"}'}
        call = {"id": "c", "type": "function", "function": function}
        message = {"content": None, "tool_calls": [call]}
        return json.dumps({"choices": [{"message": message}]}).encode()

    monkeypatch.setattr(endpoint, "_send", send)
    return sent


def test_invoke_offers_tools_and_prints_the_calls(calling, tmp_path):
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps(TOOLS))
    called = {"name": "look", "arguments": {"where": "Malmö"}}
    code, out = run("invoke", "r-1", "Where?", "--tools", str(tools), "--tool-choice", "look")
    assert (code, json.loads(out)) == (0, called)
    assert "Malmö" in out
    asked = calling[0]
    assert (asked["tools"], asked["tool_choice"]) == (TOOLS, "required")
    code, out = run("invoke", "r-1", "Where?", "--tools", str(tools), "--json")
    assert (code, json.loads(out)) == (0, {"answer": "", "tool_calls": [called]})
    assert "tool_choice" not in calling[1]


@pytest.mark.parametrize(
    "options",
    [
        ["--tool-choice", "auto"],
        ["--tools", "nothing.json"],
        ["--tools", "t", "--tool-choice", "x"],
    ],
)
def test_invoke_refuses_tools_that_it_cannot_offer(calling, options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t").write_text(json.dumps(TOOLS))
    assert run("invoke", "r-1", "Where?", *options)[0] == 2
    assert calling == []
