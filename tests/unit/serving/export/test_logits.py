"""A file that would write something else than the weights is refused."""

from dataclasses import replace

import pytest
import torch

from serving.export import gguf_file, logits
from serving.export.comparison import compare
from serving.export.gguf_file import write_gguf
from serving.export.logits import divergence, next_token, require_alike
from stratos.errors import NotExportable
from tests.unit.serving.export.tiny_folders import save


def test_rows_in_the_wrong_order_are_found(tmp_path, monkeypatch):
    folder = save(tmp_path, "llama")
    compare(folder, write_gguf(folder, "q4_k_m"), "q4_k_m")
    right = gguf_file.family_of
    monkeypatch.setattr(gguf_file, "family_of", lambda config: replace(right(config), rules=()))
    with pytest.raises(NotExportable, match="other next tokens of the file than transformers"):
        compare(folder, write_gguf(folder, "float16"), "float16")


def test_a_large_student_is_not_read_once_more(tmp_path, monkeypatch):
    folder = save(tmp_path)
    assert next_token(folder, [1, 2]) is not None
    monkeypatch.setattr(logits, "MOST_PARAMETERS", 1000)
    assert next_token(folder, [1, 2]) is None


def test_more_rounding_explains_more():
    ours = torch.tensor([0.7, 0.3]).log()
    theirs = {0: float(torch.tensor(0.6).log()), 1: float(torch.tensor(0.4).log())}
    assert divergence(ours, theirs) == pytest.approx(0.0216, abs=1e-3)
    require_alike(ours, theirs, "float16")
    with pytest.raises(NotExportable, match=r"0\.02 are allowed in float32"):
        require_alike(ours, theirs, "float32")
