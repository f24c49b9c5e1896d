"""Tiny models that have learned one reply with a call by heart."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from stratos.contracts.messages import Message, Tool, ToolCall
from tests.unit.training.tiny_models import make_model, tool_tokenizer
from training.models.chat import ChatFormat, Dialogue, ModelReply
from training.models.weights import LocalModel

WEATHER = Tool(
    name="weather",
    description="of a city",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
    },
)
OSLO = ToolCall(name="weather", arguments={"city": "Oslo", "days": 2})
QUESTION = Message(role="user", content="sun?")
_MOST_STEPS = 2_000


def calling_model(template: str) -> LocalModel:
    """A model that answers `QUESTION`, offered `WEATHER`, with a call for `OSLO`."""
    tokenizer = tool_tokenizer(template)
    model = make_model(
        len(tokenizer), max_position_embeddings=1024, initializer_range=0.05, hidden_size=64
    )
    local = LocalModel("calling", model, tokenizer, ChatFormat(tokenizer))
    dialogue = Dialogue((QUESTION,), (WEATHER,))
    (prompt,) = local.chat.prompts([dialogue])
    (reply,) = local.chat.completions([local.chat.reply_text(dialogue, ModelReply("", (OSLO,)))])
    tokens = torch.tensor([prompt + reply])
    wanted = tokens[0, len(prompt) :]
    optimizer = torch.optim.Adam(model.parameters(), 6e-3)
    for _ in range(_MOST_STEPS):
        logits = model(input_ids=tokens).logits[0, len(prompt) - 1 : -1]
        loss = cross_entropy(logits, wanted)
        # So sure that no engine's rounding turns a token.
        if loss.item() < 5e-3:
            return local
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    raise AssertionError(f"not learned in {_MOST_STEPS} steps: the loss is {loss.item()}")
