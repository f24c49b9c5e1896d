"""Pretrain the teacher or the student base from scratch on the generalist corpus.

    python examples/mahjong-waits/tokenizer.py
    python examples/mahjong-waits/pretrain.py teacher --steps 3200
    python examples/mahjong-waits/pretrain.py student-base --steps 4000

Muon trains the matrices, AdamW the embedding and the norms; the learning rate warms up, holds,
and falls linearly to zero over the last part of the steps. A run that was stopped (Ctrl-C or
SIGTERM) goes on from its last saved state, with fewer or more steps if asked.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
from corpus import Exchange, draw_exchanges
from tokenizer import END, PAD
from torch.nn import functional
from transformers import (
    AutoTokenizer,
    GenerationConfig,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

HERE = Path(__file__).parent
MUON_LEARNING_RATE = 0.02
ADAMW_LEARNING_RATE = 3e-3
WARMUP_STEPS = 100
DECAY_SHARE = 0.5
BATCH_TOKENS = 3072
CHUNK_EXCHANGES = 2048
PROMPT_WEIGHT = 0.1
LOG_EVERY, SAVE_EVERY = 50, 500


class Shape(NamedTuple):
    """The size of a model; every head is 32 wide."""

    hidden_size: int
    num_layers: int
    intermediate_size: int


SHAPES = {"teacher": Shape(160, 5, 448), "student-base": Shape(96, 4, 288)}
HEAD_DIM = 32


class Batch(NamedTuple):
    """Right-padded token ids and the weight of each token's loss, both [rows, tokens]."""

    ids: torch.Tensor
    weights: torch.Tensor


class PretrainingState(NamedTuple):
    """What a stopped run needs to go on."""

    step: int
    tokens: int
    seconds: float


def build_model(shape: Shape, tokenizer: PreTrainedTokenizerFast, seed: int) -> Qwen3ForCausalLM:
    """Build a randomly initialised Qwen3 with tied embeddings."""
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden_size,
        num_hidden_layers=shape.num_layers,
        intermediate_size=shape.intermediate_size,
        num_attention_heads=shape.hidden_size // HEAD_DIM,
        num_key_value_heads=shape.hidden_size // HEAD_DIM,
        head_dim=HEAD_DIM,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen3ForCausalLM(config)
    model.generation_config = GenerationConfig(
        bos_token_id=None,
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
        pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
    )
    return model


def encode(tokenizer: PreTrainedTokenizerFast, exchange: Exchange) -> tuple[list[int], int]:
    """Return an exchange's token ids in the chat template, and how many are the prompt's."""
    user = [{"role": "user", "content": exchange.prompt}]
    prompt = tokenizer.apply_chat_template(user, tokenize=False, add_generation_prompt=True)
    prompt_ids, reply_ids = tokenizer([prompt, exchange.reply + END])["input_ids"]
    return prompt_ids + reply_ids, len(prompt_ids)


def make_batch(rows: list[tuple[list[int], int]], pad_id: int) -> Batch:
    """Pad rows on the right; prompt tokens weigh `PROMPT_WEIGHT`, reply tokens 1."""
    width = max(len(ids) for ids, _ in rows)
    ids = torch.full((len(rows), width), pad_id)
    weights = torch.zeros(len(rows), width)
    for index, (row, prompt_length) in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        weights[index, :prompt_length] = PROMPT_WEIGHT
        weights[index, prompt_length : len(row)] = 1.0
    return Batch(ids, weights)


def draw_chunk(seed: int, chunk: int) -> list[Exchange]:
    """Draw one of the chunks that the corpus is cut into.

    Each has a seed of its own, so that a resumed run reads on where the stopped one was.
    """
    return list(islice(draw_exchanges(seed * 1_000_003 + chunk), CHUNK_EXCHANGES))


def draw_batches(tokenizer: PreTrainedTokenizerFast, seed: int, skip: int) -> Iterator[Batch]:
    """Yield batches of similar length without end, passing over the first `skip`."""
    chunk = 0
    while True:
        exchanges = draw_chunk(seed, chunk)
        rows = sorted((encode(tokenizer, each) for each in exchanges), key=lambda row: len(row[0]))
        groups: list[list[tuple[list[int], int]]] = [[]]
        for row in rows:
            if (len(groups[-1]) + 1) * len(row[0]) > BATCH_TOKENS:
                groups.append([])
            groups[-1].append(row)
        random.Random(seed + chunk).shuffle(groups)
        for group in groups:
            if skip:
                skip -= 1
            else:
                yield make_batch(group, tokenizer.pad_token_id)
        chunk += 1


def weighted_loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Average the next-token cross-entropy by weight. Logits: [rows, tokens, vocabulary]."""
    losses = functional.cross_entropy(
        logits[:, :-1].flatten(0, 1).float(), batch.ids[:, 1:].flatten(), reduction="none"
    )
    weights = batch.weights[:, 1:].flatten()
    return (losses * weights).sum() / weights.sum()


def build_optimizers(model: Qwen3ForCausalLM) -> list[torch.optim.Optimizer]:
    """Give the matrices to Muon; the embedding and the norms to AdamW."""
    named = list(model.named_parameters())
    matrices = [weight for name, weight in named if weight.ndim == 2 and "embed" not in name]
    others = [weight for name, weight in named if weight.ndim != 2 or "embed" in name]
    return [
        torch.optim.Muon(matrices, lr=MUON_LEARNING_RATE, weight_decay=0.01),
        torch.optim.AdamW(others, lr=ADAMW_LEARNING_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def learning_rate_share(step: int, steps: int) -> float:
    """Return the share of the peak rate at a step: warm up, hold, fall linearly to zero."""
    return min(1.0, (step + 1) / WARMUP_STEPS, (steps - step) / (steps * DECAY_SHARE))


def take_step(
    model: Qwen3ForCausalLM, optimizers: list[torch.optim.Optimizer], batch: Batch, share: float
) -> float:
    """Update the weights at a share of the peak rates, and return the batch's loss."""
    muon, adamw = optimizers
    muon.param_groups[0]["lr"] = MUON_LEARNING_RATE * share
    adamw.param_groups[0]["lr"] = ADAMW_LEARNING_RATE * share
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(input_ids=batch.ids, use_cache=False).logits
    loss = weighted_loss(logits, batch)
    torch.autograd.backward(loss)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()
    return loss.item()


def export(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the model in bfloat16 and its tokenizer; each file replaces its old one whole."""
    fresh = folder.with_name(folder.name + ".part")
    weights = {name: value.to(torch.bfloat16) for name, value in model.state_dict().items()}
    model.config.dtype = torch.bfloat16
    model.save_pretrained(fresh, state_dict=weights)
    model.config.dtype = torch.float32
    tokenizer.save_pretrained(fresh)
    folder.mkdir(parents=True, exist_ok=True)
    for path in fresh.iterdir():
        path.replace(folder / path.name)
    fresh.rmdir()


def pretrain(role: str, steps: int, seed: int, models: Path, state_path: Path) -> None:
    """Train to `steps`, saving state and model as it goes, from the saved state if there is one."""
    tokenizer = AutoTokenizer.from_pretrained(HERE / "models" / "tokenizer")
    model = build_model(SHAPES[role], tokenizer, seed)
    optimizers = build_optimizers(model)
    state = PretrainingState(0, 0, 0.0)
    if state_path.exists():
        saved = torch.load(state_path, weights_only=True)
        model.load_state_dict(saved["model"])
        for optimizer, values in zip(optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(values)
        state = PretrainingState(**saved["state"])
    num_parameters = sum(weight.numel() for weight in model.parameters())
    print(f"{role}: {num_parameters:,} parameters, from step {state.step} to {steps}", flush=True)

    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))

    def save(at: PretrainingState) -> None:
        state_path.parent.mkdir(parents=True, exist_ok=True)
        part = state_path.with_suffix(".part")
        values = [optimizer.state_dict() for optimizer in optimizers]
        torch.save({"model": model.state_dict(), "optimizers": values, "state": at._asdict()}, part)
        part.replace(state_path)
        export(model, tokenizer, models / role)

    log_path = models / role / "training_log.jsonl"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    if state.step == 0:
        log_path.unlink(missing_ok=True)
    recent: list[float] = []
    started = time.perf_counter() - state.seconds
    batches = draw_batches(tokenizer, seed, skip=state.step)
    while state.step < steps and not stopped:
        share = learning_rate_share(state.step, steps)
        batch = next(batches)
        recent.append(take_step(model, optimizers, batch, share))
        state = PretrainingState(
            state.step + 1, state.tokens + batch.ids.numel(), time.perf_counter() - started
        )
        if state.step % LOG_EVERY == 0 or state.step == steps:
            row = {
                "step": state.step,
                "tokens": state.tokens,
                "seconds": round(state.seconds, 1),
                "loss": round(sum(recent) / len(recent), 4),
                "learning_rate_share": round(share, 4),
            }
            recent.clear()
            with log_path.open("a") as log:
                log.write(json.dumps(row) + "\n")
            print(row, flush=True)
        if state.step % SAVE_EVERY == 0:
            save(state)
    save(state)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("role", choices=tuple(SHAPES))
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", type=Path, default=HERE / "models")
    parser.add_argument("--state", type=Path, default=Path("build/mahjong-waits"))
    arguments = parser.parse_args()
    pretrain(
        arguments.role,
        arguments.steps,
        arguments.seed,
        arguments.models,
        arguments.state / f"{arguments.role}.pt",
    )


if __name__ == "__main__":
    main()
