"""A model folder as the one file that llama.cpp serves."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Stored
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase

from serving.export.families import (
    Family,
    family_of,
    rearranged,
    rope_divisors,
    write_hyperparameters,
)
from serving.export.quantisation import FILE_TYPES, num_bytes, quantised, stored_type
from serving.export.stored_tensors import StoredTensors, open_tensors
from serving.export.vocabulary import require_vocabulary, write_vocabulary
from stratos.contracts.artifact import gguf_name
from stratos.errors import NotExportable
from stratos.spec import CpuPrecision

_ROPE_DIVISORS = "rope_freqs.weight"
_HEAD = "lm_head.weight"
_TELL_SECONDS = 10.0
"""Between two lines of the log."""
_log = logging.getLogger(__name__)
# The writer tells every file's byte order.
logging.getLogger("gguf").setLevel(logging.WARNING)


@dataclass(frozen=True)
class _Planned:
    """One tensor of the file.

    Attributes:
        source: Its name in the safetensors; None for the divisors of the rotary embedding.
    """

    name: str
    source: str | None
    shape: tuple[int, ...]
    kind: Stored


def require_exportable(
    config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase, ends: Sequence[int]
) -> None:
    """Refuse a model before anybody pays for its training.

    Args:
        ends: Token ids that end an answer.

    Raises:
        NotExportable: llama.cpp has no such model or tokenizer.
    """
    family_of(config)
    require_vocabulary(tokenizer, config.vocab_size, ends)


def write_gguf(folder: Path, precision: CpuPrecision, *, name: str = "") -> Path:
    """Write a model folder's weights, tokenizer and template as GGUF beside them.

    Memory holds one tensor at a time.

    Args:
        folder: As `save_pretrained` leaves it, with the generation config of `write_settings`.
        name: What the file calls the model.

    Raises:
        NotExportable: llama.cpp has no such model or tokenizer.
    """
    config = AutoConfig.from_pretrained(folder)
    family = family_of(config)
    path = folder / gguf_name(precision)
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[family.architecture])
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name or folder.name)
    writer.add_file_type(FILE_TYPES[precision])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    write_hyperparameters(writer, config)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    write_vocabulary(writer, tokenizer, config.vocab_size, _ends(folder))
    with closing(writer), open_tensors(folder) as tensors:
        planned = _plan(tensors, family, config, precision)
        for tensor in planned:
            size = num_bytes(tensor.shape, tensor.kind)
            kind = np.dtype(np.float32)
            writer.add_tensor_info(tensor.name, tensor.shape, kind, size, tensor.kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        told = time.monotonic()
        for done, tensor in enumerate(planned):
            if time.monotonic() - told >= _TELL_SECONDS:
                _log.info("%s: %d of %d tensors", path.name, done, len(planned))
                told = time.monotonic()
            values = _values(tensor, tensors, family, config)
            writer.write_tensor_data(_encoded(tensor, values))
    return path


def _ends(folder: Path) -> list[int]:
    settings = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    ends = settings["eos_token_id"]
    return ends if isinstance(ends, list) else [ends]


def _plan(
    tensors: StoredTensors, family: Family, config: PreTrainedConfig, precision: CpuPrecision
) -> list[_Planned]:
    names = gguf.get_tensor_name_map(family.architecture, config.num_hidden_layers)
    tied = bool(config.tie_word_embeddings)
    planned = []

    def plan(name: str, source: str | None, shape: tuple[int, ...]) -> None:
        kind = stored_type(name, shape, precision, num_layers=config.num_hidden_layers, tied=tied)
        planned.append(_Planned(name, source, shape, kind))

    divisors = rope_divisors(config)
    if divisors is not None:
        plan(_ROPE_DIVISORS, None, tuple(divisors.shape))
    for source in tensors.names:
        if tied and source == _HEAD:
            continue
        name = names.get_name(source, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise NotExportable(
                f"the model has a tensor {source}, which llama.cpp has no place for in a "
                f"{config.model_type}; choose a student without it"
            )
        plan(name, source, tensors.shape(source))
    return planned


def _values(
    tensor: _Planned, tensors: StoredTensors, family: Family, config: PreTrainedConfig
) -> Tensor:
    if tensor.source is None:
        divisors = rope_divisors(config)
        assert divisors is not None
        return divisors
    return rearranged(tensor.source, tensors.read(tensor.source), family, config)


def _encoded(tensor: _Planned, values: Tensor) -> NDArray[np.generic]:
    numbers = np.ascontiguousarray(values.float().numpy())
    if tensor.kind is Stored.F16 and np.abs(numbers).max() > np.finfo(np.float16).max:
        raise NotExportable(
            f"{tensor.source} holds numbers that float16 cannot; ask for hosting.precision float32"
        )
    return quantised(numbers, tensor.kind)
