from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from stratos.catalog.gguf_rope import ROPE_FACTORS, rope_scaling
from stratos.catalog.gguf_sizes import GgufSizes
from tests.unit.stratos.catalog.gguf_files import changed_gguf, header_of


def scaling_of(path: Path) -> dict[str, object] | None:
    header, read_range = header_of(path)
    factors = {one.name: one for one in header.tensors}.get(ROPE_FACTORS)
    return rope_scaling(header, GgufSizes(header, path.name), factors, read_range, path.name)


def test_nothing_is_scaled_where_the_file_says_nothing(tmp_path: Path) -> None:
    assert scaling_of(changed_gguf(tmp_path / "x.gguf")) is None


def test_linear_scaling_of_the_rotary_embedding_is_kept(tmp_path: Path) -> None:
    path = changed_gguf(
        tmp_path / "x.gguf",
        texts={"llama.rope.scaling.type": "linear"},
        integers={"rope.scaling.factor": 4},
    )
    assert scaling_of(path) == {"rope_type": "linear", "factor": 4.0}


def test_the_scaling_of_llama_3_is_found_again_from_its_divisors(tmp_path: Path) -> None:
    scaling = {
        "rope_type": "llama3",
        "factor": 32.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    theirs = LlamaConfig(
        head_dim=16, hidden_size=32, rope_parameters={"rope_theta": 10_000.0, **scaling}
    )
    scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](theirs, torch.device("cpu"))
    plain = 1 / 10_000 ** (torch.arange(0, 16, 2) / 16)
    path = changed_gguf(
        tmp_path / "x.gguf", tensors={"rope_freqs.weight": (plain / scaled).numpy()}
    )
    assert scaling_of(path) == scaling


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"texts": {"llama.rope.scaling.type": "longrope"}}, "rotary embedding by 'longrope'"),
        ({"tensors": {ROPE_FACTORS: np.full(8, 2, np.float32)}}, "not as Llama 3 does"),
        ({"tensors": {ROPE_FACTORS: np.ones(8, np.float16)}}, "stored as F16, not F32"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = changed_gguf(tmp_path / "x.gguf", **changes)
    with pytest.raises(ValueError, match=message):
        scaling_of(path)


def test_divisors_that_are_not_all_there_are_told(tmp_path: Path) -> None:
    path = changed_gguf(tmp_path / "x.gguf", tensors={"rope_freqs.weight": np.ones(8, np.float32)})
    header, _ = header_of(path)
    factors = {one.name: one for one in header.tensors}[ROPE_FACTORS]
    sizes = GgufSizes(header, path.name)
    with pytest.raises(ValueError, match=r"ends within rope_freqs\.weight"):
        rope_scaling(header, sizes, factors, lambda _start, _size: b"", path.name)
    endless = replace(factors, shape=(2**40,))
    with pytest.raises(ValueError, match="has 1,099,511,627,776 numbers"):
        rope_scaling(header, sizes, endless, lambda _start, _size: b"", path.name)
