from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors import safe_open

from serving.export.gguf_file import write_gguf
from stratos.catalog.cards import folder_card, student_card
from stratos.catalog.files import FilesOnDisk
from stratos.catalog.model_files import ModelFiles
from stratos.catalog.safetensors import stored_tensors
from stratos.spec import Weights
from tests import factories
from tests.tiny_gguf import write_tiny_gguf
from tests.unit.serving.export.tiny_folders import save


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
def test_a_gguf_looks_like_the_folder_it_was_made_from(tmp_path: Path, family: str) -> None:
    source = save(tmp_path / "source", family)
    write_gguf(source, "float32").rename(tmp_path / "blob")
    files = ModelFiles(FilesOnDisk(tmp_path))
    with safe_open(source / "model.safetensors", framework="pt") as weights:
        shapes = {n: tuple(weights.get_slice(n).get_shape()) for n in weights.keys()}  # noqa: SIM118
    assert {one.name: one.shape for one in stored_tensors(files, "blob")} == shapes
    card, other = (folder_card("m", files, folder) for folder in ("blob", "source"))
    assert card == other
    assert files.names("blob") == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]


def test_a_student_from_a_gguf_can_be_exported_again(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "tiny.gguf")
    card = student_card(Weights(path="tiny.gguf"), ModelFiles(FilesOnDisk(tmp_path)))
    assert (card.num_parameters, card.vocabulary_size) == (26_912, 259)
    assert card.llama_cpp_obstacle is None


def test_other_files_are_as_they_are(tmp_path: Path) -> None:
    for name, content in factories.model_files().items():
        (tmp_path / name).write_bytes(content)
    files = ModelFiles(FilesOnDisk(tmp_path.parent))
    folder = tmp_path.name
    assert files.read(f"{folder}/config.json") == factories.model_files()["config.json"]
    assert (
        files.read_range(f"{folder}/tokenizer.json", 1, 3) == json.dumps({"model": 1})[1:4].encode()
    )
    assert files.names(folder) == sorted(factories.model_files())


def test_what_a_gguf_does_not_have_is_missing(tmp_path: Path) -> None:
    write_tiny_gguf(tmp_path / "tiny.gguf")
    with pytest.raises(FileNotFoundError, match=r"tiny.gguf is a GGUF, which has no vocab.json"):
        ModelFiles(FilesOnDisk(tmp_path)).read("tiny.gguf/vocab.json")
