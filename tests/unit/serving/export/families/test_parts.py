"""Which tensors of the file are made of which of the folder."""

import re
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig

from serving.export.families.known import family_of
from serving.export.families.parts import parts_of
from serving.export.stored_tensors import open_tensors
from stratos.errors import NotExportable
from tests.tiny_families import make_tiny


def parts(folder, **changes):
    config = AutoConfig.from_pretrained(folder)
    family = replace(family_of(config), **changes)
    with open_tensors(folder) as tensors:
        return {part.name: part.read() for part in parts_of(tensors, family, config)}


def test_experts_stored_one_by_one_are_stacked_and_stacked_ones_split(tmp_path):
    model = make_tiny("qwen3_moe", 85, norm_topk_prob=True)
    model.save_pretrained(tmp_path)
    apart = parts(tmp_path)
    assert apart["blk.0.ffn_gate_exps.weight"].shape == (4, 24, 32)
    stacked = {name: weight.contiguous() for name, weight in model.state_dict().items()}
    assert "model.layers.0.mlp.experts.gate_up_proj" in stacked
    save_file(stacked, tmp_path / "model.safetensors")
    together = parts(tmp_path)
    assert together.keys() == apart.keys()
    for name, weight in apart.items():
        assert torch.equal(together[name], weight), name


def test_shapes_are_known_before_anything_is_read(tmp_path):
    make_tiny("qwen3_next", 85).save_pretrained(tmp_path)
    config = AutoConfig.from_pretrained(tmp_path)
    with open_tensors(tmp_path) as tensors:
        for part in parts_of(tensors, family_of(config), config):
            assert tuple(part.read().shape) == part.shape, part.name


def test_a_tied_head_is_written_only_where_llama_cpp_wants_it(tmp_path):
    make_tiny("olmo2", 85, tie_word_embeddings=True).save_pretrained(tmp_path)
    found = parts(tmp_path)
    assert torch.equal(found["output.weight"], found["token_embd.weight"])
    assert "output.weight" not in parts(tmp_path, needs_head=False)


def test_a_tensor_without_a_place_is_named(tmp_path):
    make_tiny("llama", 85).save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    save_file(load_file(file) | {"model.layers.0.extra.weight": torch.ones(2)}, file)
    with pytest.raises(NotExportable, match=re.escape("a tensor model.layers.0.extra.weight")):
        parts(tmp_path)
