"""The tutorial's logs are what their script draws, and its student can call what they offer."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from transformers import AutoConfig, AutoTokenizer

EXAMPLE = Path(__file__).parents[3] / "examples" / "ticket-router"


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ticket_router_build", EXAMPLE / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_logs_are_what_the_script_draws(build: ModuleType) -> None:
    assert {
        path.name: path.read_text(encoding="utf-8") for path in (EXAMPLE / "logs").iterdir()
    } == build.build_logs()


def test_no_message_comes_twice_and_each_calls_a_tool_that_it_is_offered(build: ModuleType) -> None:
    rows = [json.loads(line) for text in build.build_logs().values() for line in text.splitlines()]
    asked = [row["request"]["messages"][-1]["content"] for row in rows]
    assert len(set(asked)) == len(asked) == build.NUM_CHATS
    offered = build.TOOL["function"]
    for row in rows:
        [choice] = row["response"]["choices"]
        [call] = choice["message"]["tool_calls"]
        arguments = json.loads(call["function"]["arguments"])
        assert call["function"]["name"] == offered["name"]
        assert arguments.keys() == offered["parameters"]["properties"].keys()
        assert arguments["team"] in build.PHRASES


def test_the_student_reads_a_request_and_writes_a_call_within_its_context(
    build: ModuleType,
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(EXAMPLE / "student")
    message, arguments = build.draw_message(build.random.Random(1))
    row = build.chat(1, message, arguments)
    messages = [*row["request"]["messages"], row["response"]["choices"][0]["message"]]
    messages[-1]["tool_calls"][0]["function"]["arguments"] = arguments
    text = tokenizer.apply_chat_template(messages, tools=row["request"]["tools"], tokenize=False)
    assert '<tool_call>\n{"name": "route_ticket", "arguments": {"team": ' in text
    assert text.endswith("</tool_call><|end|>")
    config = AutoConfig.from_pretrained(EXAMPLE / "student")
    assert len(tokenizer(text)["input_ids"]) < config.max_position_embeddings / 4
