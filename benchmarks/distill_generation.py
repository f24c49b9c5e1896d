"""Generation by local weights: this engine's batched decoding against plain `generate`."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from transformers import Qwen3ForCausalLM

from benchmarks.distill_data import TEACHER, draw_prompts, make_model
from training.models.generation import Generated, Sampling, generate

PROMPTS, BATCH, MAX_NEW_TOKENS = 512, 256, 80
EOS = frozenset(range(8, 24))
"""As many as let random weights end after some 30 tokens, as the example's teacher does."""

Measured = dict[str, float]


def generate_ours() -> Measured:
    model = _model()
    return _measure(
        lambda prompts: dict(
            generate(model, prompts, Sampling(MAX_NEW_TOKENS, EOS), batch_size=BATCH)
        )
    )


def generate_plain() -> Measured:
    """Batches in the order of the questions, padded on the left."""
    model = _model()

    def answer(prompts: list[list[int]]) -> dict[int, Generated]:
        found: dict[int, Generated] = {}
        for start in range(0, len(prompts), BATCH):
            batch = prompts[start : start + BATCH]
            width = max(map(len, batch))
            ids = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in batch])
            mask = torch.tensor(
                [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in batch]
            )
            written = model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=MAX_NEW_TOKENS,
                do_sample=False,
                eos_token_id=sorted(EOS),
                pad_token_id=0,
            )[:, width:].tolist()
            for row, tokens in enumerate(written):
                ends = [index for index, token in enumerate(tokens) if token in EOS]
                found[start + row] = Generated(
                    tokens[: ends[0]] if ends else tokens, tokens[ends[0]] if ends else None
                )
        return found

    return _measure(answer)


def _model() -> Qwen3ForCausalLM:
    model = make_model(TEACHER, 1).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(8)
    return model


def _measure(answer: Callable[[list[list[int]]], dict[int, Generated]]) -> Measured:
    prompts = draw_prompts(PROMPTS)
    cpu, wall = time.process_time(), time.perf_counter()
    found = answer(prompts)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    tokens = sum(len(one.tokens) + one.finished for one in found.values())
    return {
        "tokens_per_cpu_second": tokens / cpu,
        "tokens_per_second": tokens / wall,
        "tokens": float(tokens),
        "checksum": float(sum(sum(one.tokens) * (index + 1) for index, one in found.items())),
    }
