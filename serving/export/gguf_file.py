"""A model folder as the one file that llama.cpp serves."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Stored
from numpy.typing import NDArray
from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase

from serving.export.families.hyperparameters import write_hyperparameters
from serving.export.families.known import family_of
from serving.export.families.parts import Part, parts_of
from serving.export.quantisation import FILE_TYPES, num_bytes, quantised, stored_type
from serving.export.stored_tensors import open_tensors
from serving.export.vocabulary import require_vocabulary, write_vocabulary
from stratos.contracts.artifact import gguf_name
from stratos.errors import NotExportable
from stratos.spec import CpuPrecision

_TELL_SECONDS = 10.0
"""Between two lines of the log."""
_log = logging.getLogger(__name__)
# The writer tells every file's byte order.
logging.getLogger("gguf").setLevel(logging.WARNING)


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
    writer.add_name(_name(name or folder.name))
    writer.add_file_type(FILE_TYPES[precision])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    write_hyperparameters(writer, config, family)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    write_vocabulary(writer, tokenizer, config.vocab_size, _ends(folder))
    with closing(writer), open_tensors(folder) as tensors:
        planned = [
            (part, _stored_as(part, config, precision))
            for part in parts_of(tensors, family, config)
        ]
        for part, stored in planned:
            size = num_bytes(part.shape, stored)
            kind = np.dtype(np.float32)
            writer.add_tensor_info(part.name, part.shape, kind, size, stored)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        told = time.monotonic()
        for done, (part, stored) in enumerate(planned):
            if time.monotonic() - told >= _TELL_SECONDS:
                _log.info("%s: %d of %d tensors", path.name, done, len(planned))
                told = time.monotonic()
            writer.write_tensor_data(_encoded(part, stored))
    return path


def _name(name: str) -> str:
    """A name that llama.cpp takes nothing from: of one like Phi-3's it changes the tokenizer."""
    return re.sub("phi-?3", "phi", name, flags=re.IGNORECASE)


def _ends(folder: Path) -> list[int]:
    settings = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    ends = settings["eos_token_id"]
    return ends if isinstance(ends, list) else [ends]


def _stored_as(part: Part, config: PreTrainedConfig, precision: CpuPrecision) -> Stored:
    return stored_type(
        part.name,
        part.shape,
        precision,
        num_layers=config.num_hidden_layers,
        tied=bool(config.tie_word_embeddings),
    )


def _encoded(part: Part, stored: Stored) -> NDArray[np.generic]:
    numbers = np.ascontiguousarray(part.read().float().numpy())
    if stored is Stored.F16 and np.abs(numbers).max() > np.finfo(np.float16).max:
        raise NotExportable(
            f"{part.source} holds numbers that float16 cannot; ask for hosting.precision float32"
        )
    return quantised(numbers, stored)
