"""GGUF files as model folders: the same weights, tokens and probabilities."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from serving.export.gguf_file import write_gguf
from tests.tiny_gguf import write_tiny_gguf
from tests.unit.serving.export.tiny_folders import save
from tests.unit.stratos.catalog.gguf_files import changed_gguf
from training.models import gguf_folder
from training.models.gguf_folder import convert, find_gguf, folder_of_gguf
from training.models.weights import load_model

YARN = {
    "rope_type": "yarn",
    "rope_theta": 1e4,
    "factor": 4.0,
    "original_max_position_embeddings": 64,
}


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("qwen2", {}),
        ("qwen3", {"rope_parameters": YARN}),
        ("llama", {"num_key_value_heads": 1, "tie_word_embeddings": False}),
    ],
)
def test_an_exported_model_comes_back_with_its_weights_tokens_and_ends(
    tmp_path: Path, family: str, changes: dict[str, Any]
) -> None:
    source = save(tmp_path / "source", family, **changes)
    gguf = write_gguf(source, "float32")
    convert(gguf, tmp_path / "back", "tiny")
    before, after = (
        load_file(folder / "model.safetensors") for folder in (source, tmp_path / "back")
    )
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    ours, theirs = load_model("a", str(tmp_path / "back")), load_model("b", str(source))
    text = "It's 12,345:\n\n  ok?<|end|>"
    assert ours.tokenizer(text)["input_ids"] == theirs.tokenizer(text)["input_ids"]
    assert ours.tokenizer.chat_template == theirs.tokenizer.chat_template
    assert ours.chat.eos == theirs.chat.eos
    tokens = torch.tensor([theirs.tokenizer(text)["input_ids"]])
    with torch.no_grad():
        assert torch.equal(ours.model(tokens).logits, theirs.model(tokens).logits)


def test_a_blob_of_any_name_is_read_and_made_into_a_folder_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_folder.tempfile, "tempdir", str(tmp_path))
    blob = write_tiny_gguf(tmp_path / "sha256-0a1b")
    assert find_gguf(tmp_path, "sha256-0a1b") == blob
    folder = folder_of_gguf(blob, "blob")
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert folder_of_gguf(blob, "blob") == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    assert load_model("blob", str(folder)).model.config.model_type == "llama"


def test_a_template_beside_the_file_takes_the_place_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_folder.tempfile, "tempdir", str(tmp_path))
    path = write_tiny_gguf(tmp_path / "x.gguf")
    before = folder_of_gguf(path, "x")
    (tmp_path / "x.gguf.jinja").write_text("{{ messages[0].content }}!")
    after = folder_of_gguf(path, "x")
    assert after != before
    told = load_model("x", str(after)).tokenizer
    asked = [{"role": "user", "content": "Hm"}]
    assert told.apply_chat_template(asked, tokenize=False) == "Hm!"


def test_the_folder_goes_with_the_last_process_that_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_folder.tempfile, "tempdir", str(tmp_path))
    leaving: list[Callable[[], None]] = []
    monkeypatch.setattr(
        gguf_folder.atexit, "register", lambda leave, *args: leaving.append(partial(leave, *args))
    )
    one, other = (write_tiny_gguf(tmp_path / name) for name in ("one", "other"))
    folders = [folder_of_gguf(path, "blob").parent for path in (one, one, other)]
    assert folders[0] == folders[1] != folders[2]
    leaving[0]()
    assert (folders[0] / "model" / "config.json").exists()
    leaving[1]()
    assert not folders[0].exists()
    assert folders[2].exists()
    killed = folders[0]
    killed.mkdir()
    (killed / "users").touch()
    assert folder_of_gguf(other, "blob").parent == folders[2]
    assert not killed.exists()
    for leave in leaving[2:]:
        leave()
    assert not list(tmp_path.glob("stratos-gguf-*"))


def test_only_a_gguf_is_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"PK\3\4")
    assert find_gguf(tmp_path, "model.gguf") is None
    assert find_gguf(tmp_path, "absent") is None


def test_a_file_that_transformers_reads_otherwise_than_llama_cpp_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if a setting of the network had been passed over.
    read = gguf_folder.gguf_config
    monkeypatch.setattr(
        gguf_folder, "gguf_config", lambda *told: read(*told) | {"rms_norm_eps": 10.0}
    )
    rows = np.random.default_rng(0).normal(0, 3, (259, 32)).astype(np.float32)
    path = changed_gguf(tmp_path / "x.gguf", tensors={"output.weight": rows})
    with pytest.raises(ValueError, match=r"not read as llama.cpp reads it: .* nats apart"):
        convert(path, tmp_path / "out", "x.gguf")


def test_other_splits_than_llama_cpps_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = gguf_folder.gguf_tokenizer
    split = {"type": "Whitespace"}
    monkeypatch.setattr(
        gguf_folder, "gguf_tokenizer", lambda *told: read(*told) | {"pre_tokenizer": split}
    )
    with pytest.raises(ValueError, match=r"not read as llama.cpp reads it: .* split words unlike"):
        convert(write_tiny_gguf(tmp_path / "x.gguf"), tmp_path / "out", "x.gguf")
