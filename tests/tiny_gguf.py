"""A random Llama of a few kilobytes as a GGUF: greedily, it answers with letters without an end."""

from __future__ import annotations

from pathlib import Path
from string import ascii_letters

import gguf
import numpy as np

_WIDTH, _HEADS, _LAYERS, _FEED_FORWARD = 32, 2, 1, 64
_CONTEXT_TOKENS = 512
_END = "<|im_end|>"
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_tiny_gguf(path: Path) -> Path:
    """Write the model; the same bytes each time."""
    writer = gguf.GGUFWriter(path, "llama")
    tokens = [*_byte_tokens(), "<|im_start|>", _END]
    writer.add_name("tiny")
    writer.add_context_length(_CONTEXT_TOKENS)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    kinds = [gguf.TokenType.NORMAL] * (len(tokens) - 2) + [gguf.TokenType.CONTROL] * 2
    writer.add_token_types(kinds)
    writer.add_token_merges([f"{tokens[0]} {tokens[1]}"])
    writer.add_eos_token_id(tokens.index(_END))
    writer.add_add_bos_token(False)
    writer.add_chat_template(_TEMPLATE)
    for name, shape in _tensors(len(tokens)).items():
        seed = sum(name.encode())
        values = np.random.default_rng(seed).normal(0, 0.1, shape).astype(np.float32)
        if "norm" in name:
            values = np.ones(shape, np.float32)
        if name == "output.weight":
            # llama-server answers 500 when what is written is no UTF-8.
            values[[token not in ascii_letters for token in tokens]] = 0
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _byte_tokens() -> list[str]:
    """GPT-2's visible characters for the 256 bytes; the first two merge, so one more."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    characters = [chr(byte) for byte in shown] + [chr(256 + n) for n in range(len(hidden))]
    return [*characters, characters[0] + characters[1]]


def _tensors(num_tokens: int) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (num_tokens, _WIDTH),
        "output_norm.weight": (_WIDTH,),
        "output.weight": (num_tokens, _WIDTH),
    }
    for layer in range(_LAYERS):
        block = f"blk.{layer}."
        found |= {f"{block}attn_{part}.weight": (_WIDTH, _WIDTH) for part in ("q", "k", "v")}
        found |= {
            f"{block}attn_output.weight": (_WIDTH, _WIDTH),
            f"{block}attn_norm.weight": (_WIDTH,),
            f"{block}ffn_norm.weight": (_WIDTH,),
            f"{block}ffn_gate.weight": (_FEED_FORWARD, _WIDTH),
            f"{block}ffn_up.weight": (_FEED_FORWARD, _WIDTH),
            f"{block}ffn_down.weight": (_WIDTH, _FEED_FORWARD),
        }
    return found
