"""Tensors of a folder, however many files they are in."""

import torch
from safetensors.torch import save_file

from serving.export.stored_tensors import open_tensors


def test_tensors_of_every_shard_are_read_by_name(tmp_path):
    first, second = torch.ones(2, 3, dtype=torch.bfloat16), torch.arange(4.0)
    save_file({"a": first}, tmp_path / "model-00001-of-00002.safetensors")
    save_file({"b": second}, tmp_path / "model-00002-of-00002.safetensors")
    with open_tensors(tmp_path) as tensors:
        assert tensors.names == ["a", "b"]
        assert tensors.shape("a") == (2, 3)
        assert tensors.read("a").equal(first)
        assert tensors.read("b").equal(second)
