"""The template that the tool-call benchmark gives to SmolLM2, and what is learned through it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.tool_calls_data import NOTHING_FITS
from benchmarks.tool_calls_runs import TEMPLATE, lessons, split
from benchmarks.tool_calls_smollm2 import BEGUN, TASK
from stratos.contracts.messages import Message, Tool, ToolCall
from stratos.contracts.records import Record, read_jsonl
from tests.unit.training.tiny_models import tool_tokenizer
from training.models.chat import ChatFormat, Dialogue, ModelReply

TOOLS = (Tool(name="f", parameters={"properties": {"x": {"type": "integer"}}}), Tool(name="g.h"))
CALLS = (ToolCall(name="f", arguments={"x": 1, "y": 'a "b"'}), ToolCall(name="g.h"))
ASKED = (Message(role="user", content="?"),)


@pytest.fixture(scope="module")
def chat() -> ChatFormat:
    return ChatFormat(tool_tokenizer(TEMPLATE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("calls", [CALLS[:1], CALLS])
def test_what_the_template_writes_for_calls_is_read_again(
    chat: ChatFormat, calls: tuple[ToolCall, ...]
) -> None:
    text = chat.reply_text(Dialogue(ASKED, TOOLS), ModelReply("", calls))
    assert text.startswith(BEGUN)
    assert chat.read_reply(text, TOOLS) == ModelReply("", calls)


def test_the_template_shows_every_tool_and_what_the_system_says(chat: ChatFormat) -> None:
    system = Message(role="system", content="Be brief.")
    prompt = chat.prompt_text(Dialogue((system, *ASKED), TOOLS))
    assert "Be brief." in prompt
    assert '"name": "f"' in prompt
    assert '"name": "g.h"' in prompt
    assert prompt.count("<|im_start|>system") == 1


def test_without_tools_the_template_is_that_of_the_model(chat: ChatFormat) -> None:
    assert chat.prompt_text(Dialogue(ASKED)) == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
        "<|im_end|>\n<|im_start|>user\n?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_right_calls_and_what_is_said_instead_are_learned(tmp_path: Path) -> None:
    def row(number: int) -> dict[str, Any]:
        name = f"f{number}"
        asked = {
            "id": name,
            "group": name,
            "tools": [{"type": "function", "function": {"name": name, "parameters": {}}}],
            "messages": [{"role": "user", "content": f"Do {number}."}],
        }
        if number % 2:
            return asked | {"gold": json.dumps([{"name": name, "any_of": {"x": [number]}}])}
        said = {"role": "assistant", "content": NOTHING_FITS}
        return asked | {"messages": [*asked["messages"], said]}

    told = split([row(number) for number in range(300)], TASK, tmp_path)
    assert told["records"]["heldout"] == TASK.heldout_records
    taught = list(read_jsonl(tmp_path / "train.jsonl", Record))
    learned = lessons(TASK, taught)
    assert len(learned) == len(taught)
    for record in learned:
        number = int(record.id[1:])
        calls = (ToolCall(name=record.id),) if number % 2 else None
        assert record.tool_calls == calls
        assert record.completion == ("" if calls else NOTHING_FITS)
