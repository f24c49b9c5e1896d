"""Ask a checkpoint many prompts at once and read its replies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

BATCH_SIZE = 100


def load_checkpoint(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Load a model in float32 and its tokenizer from a folder."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(folder, padding_side="left")


def render_prompt(tokenizer: PreTrainedTokenizerFast, prompt: str) -> str:
    """Put a prompt into the chat template, ready for the reply."""
    user = [{"role": "user", "content": prompt}]
    text = tokenizer.apply_chat_template(user, tokenize=False, add_generation_prompt=True)
    assert isinstance(text, str)
    return text


@torch.inference_mode()
def generate_replies(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    prompts: Sequence[str],
    max_new_tokens: int,
    temperature: float = 0.0,
) -> list[str]:
    """Reply to each prompt, greedily at temperature 0; long replies are cut."""
    texts = [render_prompt(tokenizer, prompt) for prompt in prompts]
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    replies = [""] * len(texts)
    sampling = {"do_sample": True, "temperature": temperature} if temperature else {}
    for start in range(0, len(order), BATCH_SIZE):
        chosen = order[start : start + BATCH_SIZE]
        batch = tokenizer([texts[index] for index in chosen], padding=True, return_tensors="pt")
        output = model.generate(**batch, max_new_tokens=max_new_tokens, **sampling)
        new_tokens = output[:, batch["input_ids"].shape[1] :]
        decoded = tokenizer.batch_decode(new_tokens, skip_special_tokens=True)
        for index, reply in zip(chosen, decoded, strict=True):
            replies[index] = reply.strip()
    return replies
