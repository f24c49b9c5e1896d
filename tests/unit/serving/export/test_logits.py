"""A file that would write something else than the weights is refused."""

from dataclasses import replace

import pytest
import torch

from serving.export import gguf_file, logits
from serving.export.comparison import compare, next_token_of
from serving.export.gguf_file import write_gguf
from serving.export.logits import (
    NextToken,
    divergence,
    num_parameters,
    require_alike,
)
from stratos.errors import NotExportable
from tests.unit.serving.export.tiny_folders import save


def test_rows_in_the_wrong_order_are_found(tmp_path, monkeypatch):
    folder = save(tmp_path, "llama")
    compare(folder, write_gguf(folder, "q4_k_m"), "q4_k_m", next_token_of(folder))
    right = gguf_file.family_of
    monkeypatch.setattr(gguf_file, "family_of", lambda config: replace(right(config), rules=()))
    with pytest.raises(NotExportable, match="other next tokens of the file than transformers"):
        compare(folder, write_gguf(folder, "float16"), "float16", next_token_of(folder))


def test_a_large_student_is_read_in_bfloat16_if_there_is_room(tmp_path, monkeypatch):
    folder = save(tmp_path)
    path = write_gguf(folder, "float16")
    full = next_token_of(folder)
    assert compare(folder, path, "float16", full).startswith("tokens, prompts and logits as")
    monkeypatch.setattr(logits, "_IN_FLOAT32_PARAMETERS", 1000)
    half = next_token_of(folder)
    assert (full.dtype, half.dtype) == (torch.float32, torch.bfloat16)
    assert half.most_apart("float16") > full.most_apart("float16")
    assert full.log_probs is not None
    assert 0 < divergence(full.log_probs, dict(enumerate(half.log_probs.tolist()))) < 0.01
    monkeypatch.setattr(logits, "available_memory_bytes", lambda: 2 * num_parameters(folder) - 1)
    none = next_token_of(folder)
    assert none.log_probs is None
    assert compare(folder, path, "float16", none).endswith("logits not compared for want of memory")


def test_more_rounding_explains_more():
    ours = torch.tensor([0.7, 0.3]).log()
    theirs = {0: float(torch.tensor(0.6).log()), 1: float(torch.tensor(0.4).log())}
    assert divergence(ours, theirs) == pytest.approx(0.0216, abs=1e-3)
    said = NextToken((1,), ours)
    require_alike(ours, theirs, said.most_apart("float16"))
    with pytest.raises(NotExportable, match=r"0\.02 are allowed"):
        require_alike(ours, theirs, said.most_apart("float32"))
