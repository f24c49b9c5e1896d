"""The files of a spec's folder, in which a GGUF looks like the model folder that it becomes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from math import prod

from stratos.catalog.files import Files, as_saved, read_text
from stratos.catalog.gguf_config import gguf_config
from stratos.catalog.gguf_header import GgufTensor, is_gguf, read_gguf_header
from stratos.catalog.gguf_tokenizer import gguf_tokenizer, gguf_tokenizer_config
from stratos.catalog.safetensors import WEIGHTS
from stratos.spec.folder import template_beside

_KEPT_BYTES = 2**20
_DTYPES = {"float32": ("F32", 4), "float16": ("F16", 2), "bfloat16": ("BF16", 2)}
_OUTSIDE = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_INSIDE = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_INSIDE_GEMMA = {
    **_INSIDE,
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}
_IN_LAYER = re.compile(r"blk\.(\d+)\.(\w+)\.(weight|bias)")


class ModelFiles:
    """Files as they are, and those of the folder that each GGUF stands for.

    A file `m.gguf` has `m.gguf/config.json`, `m.gguf/tokenizer.json`,
    `m.gguf/tokenizer_config.json` and the header of `m.gguf/model.safetensors`.
    A chat template that it lacks, or another, may lie beside it as `m.gguf.jinja`.
    Small parts of files are kept, since teacher and student may be one folder of many shards.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._made: dict[str, Mapping[str, bytes] | None] = {}
        self._ranges: dict[tuple[str, int, int], bytes] = {}

    def read(self, path: str) -> bytes:
        found = self._find(path)
        return self._files.read(path) if found is None else found

    def read_range(self, path: str, start: int, length: int) -> bytes:
        found = self._find(path)
        if found is None:
            return self._read_once(path, start, length)
        # Whoever looks for the end of the weights finds some: those of the GGUF are there.
        end = b"\0" if path.endswith(f"/{WEIGHTS}") else b""
        return found[start : start + length] or end

    def _read_once(self, path: str, start: int, length: int) -> bytes:
        if length > _KEPT_BYTES:
            return self._files.read_range(path, start, length)
        key = (path, start, length)
        if key not in self._ranges:
            self._ranges[key] = self._files.read_range(path, start, length)
        return self._ranges[key]

    def names(self, folder: str) -> list[str]:
        made = self._folder(folder)
        return self._files.names(folder) if made is None else sorted(made)

    def _find(self, path: str) -> bytes | None:
        folder, _, name = path.rpartition("/")
        made = self._folder(folder) if folder else None
        if made is None:
            return None
        if name not in made:
            raise FileNotFoundError(f"{folder} is a GGUF, which has no {name}")
        return made[name]

    def _folder(self, path: str) -> Mapping[str, bytes] | None:
        """What a GGUF becomes; None of anything else.

        Raises:
            ValueError: it cannot be read, with what would work.
        """
        if path not in self._made:
            try:
                beginning = self._files.read_range(path, 0, 4)
            except (FileNotFoundError, IsADirectoryError):
                beginning = b""
            if beginning and not is_gguf(beginning):
                raise ValueError(
                    f"{path} is a file and no GGUF; give a GGUF, or the model's folder"
                )
            self._made[path] = self._make(path) if beginning else None
        return self._made[path]

    def _make(self, path: str) -> Mapping[str, bytes]:
        read_range = partial(self._files.read_range, path)
        with as_saved(path):
            header = read_gguf_header(read_range, path)
            config = gguf_config(header, read_range, path)
            made = {
                "config.json": json.dumps(config).encode(),
                "tokenizer.json": json.dumps(gguf_tokenizer(header, path)).encode(),
                "tokenizer_config.json": json.dumps(gguf_tokenizer_config(header)).encode(),
                WEIGHTS: _weights(header.tensors, config),
            }
        with suppress(FileNotFoundError):
            made["chat_template.jinja"] = read_text(self._files, template_beside(path))
        return made


def _weights(tensors: tuple[GgufTensor, ...], config: Mapping[str, object]) -> bytes:
    """The header of the safetensors that a GGUF becomes."""
    dtype, size = _DTYPES[str(config["dtype"])]
    inside = _INSIDE_GEMMA if config["model_type"] == "gemma3_text" else _INSIDE
    described, end = {}, 0
    for tensor in tensors:
        name = _OUTSIDE.get(tensor.name)
        if found := _IN_LAYER.fullmatch(tensor.name):
            name = f"model.layers.{found[1]}.{inside[found[2]]}.{found[3]}"
        if name is None:  # the divisors of a rotary embedding
            continue
        start, end = end, end + size * prod(tensor.shape)
        described[name] = {"dtype": dtype, "shape": tensor.shape, "data_offsets": [start, end]}
    content = json.dumps(described).encode()
    return len(content).to_bytes(8, "little") + content
