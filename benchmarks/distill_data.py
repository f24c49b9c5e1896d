"""Models and batches that every contender of the distillation benchmark gets alike."""

from __future__ import annotations

import random

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from training.student.batches import TokenizedExample

VOCABULARY = 512
BATCH_ROWS = 96
STEPS = 12
LEARNING_RATE = 2e-3
STUDENT = {"hidden_size": 96, "intermediate_size": 288, "num_hidden_layers": 4, "heads": 3}
TEACHER = {"hidden_size": 160, "intermediate_size": 448, "num_hidden_layers": 5, "heads": 5}


def make_model(shape: dict[str, int], seed: int, vocabulary: int = VOCABULARY) -> Qwen3ForCausalLM:
    """A random model of the example's architecture."""
    torch.manual_seed(seed)
    sizes = {key: value for key, value in shape.items() if key != "heads"}
    config = Qwen3Config(
        **sizes,
        vocab_size=vocabulary,
        num_attention_heads=shape["heads"],
        num_key_value_heads=shape["heads"],
        head_dim=32,
        tie_word_embeddings=True,
        max_position_embeddings=512,
    )
    return Qwen3ForCausalLM(config)


def draw_batches() -> list[list[TokenizedExample]]:
    """Batches of the lengths that the example's records have; the next token can be learned."""
    rng = random.Random(0)

    def draw() -> TokenizedExample:
        prompt = [rng.randrange(8, VOCABULARY) for _ in range(rng.randint(24, 34))]
        tokens = list(prompt)
        for _ in range(rng.choice((24, 45, 45, 60, 110))):
            tokens.append(8 + (7 * tokens[-1] + 3) % (VOCABULARY - 8))
        return TokenizedExample(tokens, len(prompt))

    return [[draw() for _ in range(BATCH_ROWS)] for _ in range(STEPS)]


def draw_prompts(count: int) -> list[list[int]]:
    rng = random.Random(1)
    return [
        [rng.randrange(8, VOCABULARY) for _ in range(rng.randint(24, 34))] for _ in range(count)
    ]
