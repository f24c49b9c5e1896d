"""A tiny model that was taught a few tool calls by heart, behind a template that writes them."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import torch

from serving.export.chat_template import served_template
from serving.export.settings import write_settings
from stratos.contracts.messages import (
    Message,
    Tool,
    ToolCall,
    openai_tool,
    template_message,
)
from tests.tiny_families import make_tiny
from tests.unit.serving.export.tiny_folders import TOOL_TEMPLATE
from tests.unit.training.tiny_models import make_tokenizer

CONTEXT_TOKENS = 1024
COUNT = Tool(
    name="count",
    parameters={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
)
LOOK = Tool(name="look", parameters={"type": "object", "properties": {}})
TOOLS = (COUNT, LOOK)
ONE, TWO, TALK = "Count to 2.", "Count to 1, and look.", "Hello."
"""Questions: one call, two calls, none."""
GREETING, DONE = "Hi.", "It is 2."
CALL = ToolCall(name="count", arguments={"n": 2})
CALLS = (ToolCall(name="count", arguments={"n": 1}), ToolCall(name="look"))
_CHARACTERS = [*string.ascii_letters, *string.digits, *" \n.,:;+-=#?!{}\"'/<>_[]()"]
_WORDS = (
    *("You may call:", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"),
    *('{"type": "function", "function": {"name": "', '"parameters": ', '{"type": "object", '),
    *('"properties": ', '"required": ', '{"type": "integer"}', '\n{"name": "', '", "arguments": '),
    *("count", "look", "Count to ", ", and look.", "Hello.", "Hi.", "It is "),
)
"""One token each, so that little is left to learn."""
_STEPS, _RATE = 300, 4e-3
_IGNORED = -100


def asked(text: str) -> Message:
    return Message(role="user", content=text)


def answered(*calls: ToolCall, text: str = "") -> Message:
    return Message(role="assistant", content=text, tool_calls=calls or None)


ANSWERED = (asked(ONE), answered(CALL), Message(role="tool", content="2", tool_call_id="call_0"))
"""A call and what the tool said; what follows is `DONE`."""
_LESSONS = (
    ((asked(ONE),), answered(CALL)),
    ((asked(TWO),), answered(*CALLS)),
    # Twice the end for once a call behind it, which is what is left where a call is required.
    ((asked(TALK),), answered(text=GREETING)),
    ((asked(TALK),), answered(text=GREETING)),
    ((asked(TALK),), answered(CALL, text=GREETING)),
    (ANSWERED, answered(text=DONE)),
)


def save_calling(folder: Path) -> Path:
    """Train it, and write what a job leaves, but for its GGUF."""
    tokenizer = make_tokenizer(_CHARACTERS)
    tokenizer.add_tokens(list(_WORDS))
    tokenizer.chat_template = TOOL_TEMPLATE
    model = make_tiny(
        "qwen3",
        len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        head_dim=32,
        max_position_embeddings=CONTEXT_TOKENS,
        initializer_range=0.05,
    )
    _teach(model, tokenizer)
    model.save_pretrained(folder)
    tokenizer.chat_template = served_template(tokenizer)
    tokenizer.save_pretrained(folder)
    write_settings(folder, tokenizer, [tokenizer.eos_token_id])
    return folder


def _teach(model: Any, tokenizer: Any) -> None:
    torch.set_num_threads(1)  # so small a model waits longer for a second thread than it gains
    rows = [_encoded(tokenizer, before, reply) for before, reply in _LESSONS]
    longest = max(len(tokens) for tokens, _ in rows)
    tokens = torch.zeros(len(rows), longest, dtype=torch.long)
    labels = torch.full((len(rows), longest), _IGNORED)
    for row, (ids, prompt) in enumerate(rows):
        tokens[row, : len(ids)] = torch.tensor(ids)
        labels[row, prompt : len(ids)] = torch.tensor(ids[prompt:])
    optimizer = torch.optim.AdamW(model.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_STEPS)
    model.train()
    for _ in range(_STEPS):
        optimizer.zero_grad()
        loss = model(tokens, labels=labels, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.eval()


def _encoded(tokenizer: Any, before: tuple[Message, ...], reply: Message) -> tuple[list[int], int]:
    prompt = _tokens(tokenizer, before, to_answer=True)
    whole = _tokens(tokenizer, (*before, reply), to_answer=False)
    assert whole[: len(prompt)] == prompt
    return whole, len(prompt)


def _tokens(tokenizer: Any, messages: tuple[Message, ...], *, to_answer: bool) -> list[int]:
    text = tokenizer.apply_chat_template(
        [template_message(message) for message in messages],
        tools=[openai_tool(tool) for tool in TOOLS],
        tokenize=False,
        add_generation_prompt=to_answer,
    )
    found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return found
