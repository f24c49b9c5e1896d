"""Headers of safetensors files."""

from __future__ import annotations

import json
import re

import pytest

from stratos.catalog.safetensors import StoredTensor, stored_tensors
from tests.factories import safetensors_file
from tests.fakes import FilesInMemory

ONE, TWO = {"model.norm.weight": (4,)}, {"lm_head.weight": (8, 4)}
INDEX = {
    "metadata": {"total_size": 72},
    "weight_map": {"model.norm.weight": "a.safetensors", "lm_head.weight": "b.safetensors"},
}


def folder(**files: bytes) -> FilesInMemory:
    return FilesInMemory({f"m/{name.replace('_', '.')}": text for name, text in files.items()})


def shards(**changes: bytes) -> FilesInMemory:
    files = {
        "a_safetensors": safetensors_file(ONE),
        "b_safetensors": safetensors_file(TWO),
        "model_safetensors_index_json": json.dumps(INDEX).encode(),
    }
    return folder(**{name: text for name, text in (files | changes).items() if text})


def test_a_header_names_every_tensor_and_nothing_else_is_read() -> None:
    content = safetensors_file(ONE | TWO)
    files = folder(model_safetensors=content + bytes(200_000))
    assert stored_tensors(files, "m") == (
        StoredTensor("model.norm.weight", "BF16", (4,)),
        StoredTensor("lm_head.weight", "BF16", (8, 4)),
    )
    assert [one.num_bytes for one in stored_tensors(files, "m")] == [8, 64]
    assert files.parts == [("m/model.safetensors", 64 * 2**10)] * 2


def test_a_long_header_is_read_to_its_end() -> None:
    many = {f"model.norm.{'x' * 100}.{index}": (1,) for index in range(1000)}
    files = folder(model_safetensors=safetensors_file(many))
    assert len(stored_tensors(files, "m")) == 1000
    assert len(files.parts) == 3


def damaged(end: int) -> bytes:
    entry = {"dtype": "BF16", "shape": [4], "data_offsets": [0, end]}
    header = json.dumps({"model.norm.weight": entry}).encode()
    return len(header).to_bytes(8, "little") + header


def test_shards_are_found_by_the_index() -> None:
    assert [one.name for one in stored_tensors(shards(), "m")] == list(INDEX["weight_map"])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"b_safetensors": b""}, "names 2 files, and b.safetensors is missing; upload the whole"),
        ({"b_safetensors": safetensors_file({})}, "1 tensors that no file holds, lm_head.weight"),
        ({"model_safetensors_index_json": b"[]"}, "is not what save_pretrained() writes"),
    ],
    ids=["a shard", "a tensor", "no index"],
)
def test_what_the_index_promises_must_be_there(changes: dict[str, bytes], reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        stored_tensors(shards(**changes), "m")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no safetensors file"),
        (b"version https://git-lfs.github.com/spec/v1", "is no safetensors file"),
        ((2).to_bytes(8, "little") + b"[]", "is no safetensors file"),
        (b"[" * 100_000, "is no safetensors file"),
        ((90_000).to_bytes(8, "little") + b"[" * 90_000, "is no safetensors file"),
        (damaged(2**63), "is no safetensors file"),
        (safetensors_file(ONE)[:-1], "is cut short: it should have"),
        ((25_000_001).to_bytes(8, "little") + b"{", "has a header of 25,000,001 bytes.*in several"),
        ((100_000_001).to_bytes(8, "little") + b"{", "is no safetensors file"),
    ],
    ids=[
        "empty",
        "a pointer",
        "no header",
        "no length",
        "too deep",
        "too far",
        "cut",
        "long",
        "too long",
    ],
)
def test_a_file_that_is_not_whole_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=r"m/model\.safetensors " + reason):
        stored_tensors(folder(model_safetensors=content), "m")


def test_a_folder_without_weights_says_what_it_has() -> None:
    with pytest.raises(ValueError, match=r"m has neither .* only config\.json; save"):
        stored_tensors(folder(config_json=b"{}"), "m")


@pytest.mark.parametrize("shape", [[2**60], [1] * 17, [-1]])
def test_sizes_that_no_tensor_has_are_refused(shape: list[int]) -> None:
    entry = {"w": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4]}}
    text = json.dumps(entry).encode()
    content = len(text).to_bytes(8, "little") + text + bytes(4)
    with pytest.raises(ValueError, match="is no safetensors file"):
        stored_tensors(folder(model_safetensors=content), "m")
