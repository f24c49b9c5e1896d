"""Tiny random models with a real tokenizer, made on the spot."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from training.models.chat import ChatFormat
from training.models.weights import LocalModel

SPECIAL = ["<pad>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
CHARACTERS = [*string.ascii_letters, *string.digits, *" \n.,:;+-=#?!{}\"'/"]
TOOL_CHARACTERS = [*CHARACTERS, *"<>|[]()_`"]
"""Enough to write calls."""
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
    "{% if m.role == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def make_tokenizer(
    characters: list[str] = CHARACTERS, template: str = TEMPLATE
) -> PreTrainedTokenizerFast:
    """One token a character, and a chat template; every other character is passed over."""
    # llama.cpp wants a merge.
    merged = ("Q", "Z")
    encode = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str
    pieces = [encode(character)[0][0] for character in characters]
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, "".join(merged), *pieces])}
    merges = [merged] if set(merged) <= set(pieces) else []
    return _with_template(Tokenizer(BPE(vocabulary, merges)), template)


def tool_tokenizer(template: str) -> PreTrainedTokenizerFast:
    """A tokenizer that can write the calls of a template."""
    return make_tokenizer(TOOL_CHARACTERS, template)


def byte_level_tokenizer(merges: list[tuple[str, str]]) -> PreTrainedTokenizerFast:
    """Byte-level BPE with the merges given: it splits text unlike one token a character."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    joined = ["".join(pair) for pair in merges]
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, *alphabet, *joined])}
    return _with_template(Tokenizer(BPE(vocabulary, merges)))


def _with_template(backend: Tokenizer, template: str = TEMPLATE) -> PreTrainedTokenizerFast:
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(SPECIAL)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="<|end|>",
        pad_token="<pad>",
        additional_special_tokens=SPECIAL[2:],
    )
    tokenizer.chat_template = template
    return tokenizer


def make_model(
    vocabulary_size: int, *, family: str = "qwen3", seed: int = 0, **changes: Any
) -> Any:
    """A random model of two narrow layers, with weights wide enough to prefer some tokens."""
    shape: dict[str, Any] = {
        "vocab_size": vocabulary_size,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 256,
        "tie_word_embeddings": True,
        "initializer_range": 0.2,
        "eos_token_id": 1,
        "pad_token_id": 0,
        **changes,
    }
    torch.manual_seed(seed)
    if family == "qwen2":
        shape.pop("head_dim")
        return Qwen2ForCausalLM(Qwen2Config(**shape)).eval()
    return Qwen3ForCausalLM(Qwen3Config(**shape)).eval()


def make_local(
    tokenizer: PreTrainedTokenizerFast | None = None,
    *,
    name: str = "tiny",
    vocabulary_size: int | None = None,
    **settings: Any,
) -> LocalModel:
    """A random model in memory with its tokenizer; settings as for `make_model`."""
    tokenizer = tokenizer or make_tokenizer()
    model = make_model(vocabulary_size or len(tokenizer), **settings)
    return LocalModel(name, model, tokenizer, ChatFormat(tokenizer))


def save_model(folder: Path, *, seed: int = 0, **changes: Any) -> Path:
    """Write a tiny model and its tokenizer as a Hugging Face folder."""
    tokenizer = make_tokenizer()
    make_model(len(tokenizer), seed=seed, **changes).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_in_parts(folder: Path, **changes: Any) -> Path:
    """Write a tiny model of text and images, as Gemma 3 from 4 billion parameters on is."""
    tokenizer = make_tokenizer()
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    config = Gemma3Config(
        text_config={
            **sizes,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "vocab_size": len(tokenizer),
            "eos_token_id": 1,
            "initializer_range": 0.2,
            **changes,
        },
        vision_config={**sizes, "num_attention_heads": 4, "image_size": 28, "patch_size": 14},
        mm_tokens_per_image=4,
    )
    torch.manual_seed(0)
    Gemma3ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
