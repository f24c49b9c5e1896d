"""The environment of AWS's llama.cpp image, read as its entry point reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.entry import Entry, EntryRefused

THREADS = {"OMP_NUM_THREADS": "3"}


def arguments(**environment: str) -> list[str]:
    return list(Entry.of(THREADS | environment).arguments)


def value(given: list[str], flag: str) -> str:
    return given[given.index(flag) + 1]


def test_the_named_model_is_served_with_the_flags_of_the_environment():
    given = arguments(SM_LLAMA_CPP_MODEL="/m/model-q8_0.gguf", SM_LLAMA_CPP_CTX_SIZE="512")
    assert value(given, "--model") == "/m/model-q8_0.gguf"
    assert value(given, "--ctx-size") == "512"


def test_without_a_name_the_first_gguf_of_the_folder_or_one_below_is_served(tmp_path: Path):
    below, deeper = tmp_path / "b", tmp_path / "a" / "c"
    for folder in (below, deeper):
        folder.mkdir(parents=True)
        (folder / "model.gguf").write_text("")
    found = arguments(SM_LLAMA_CPP_MODEL_DIR=str(tmp_path), SM_LLAMA_CPP_MODEL="")
    assert value(found, "--model") == str(below / "model.gguf")
    (tmp_path / "model.gguf").write_text("")
    found = arguments(SM_LLAMA_CPP_MODEL_DIR=str(tmp_path))
    assert value(found, "--model") == str(tmp_path / "model.gguf")
    assert "--model-dir" not in found


def test_a_folder_without_a_gguf_is_refused_by_name(tmp_path: Path):
    with pytest.raises(EntryRefused, match=f"{tmp_path} holds no"):
        arguments(SM_LLAMA_CPP_MODEL_DIR=str(tmp_path))


def test_the_threads_are_those_given_else_the_cores_of_the_container():
    model = {"SM_LLAMA_CPP_MODEL": "m.gguf"}
    of_container = arguments(**model)
    assert (value(of_container, "--threads"), value(of_container, "--threads-batch")) == ("3", "3")
    given = arguments(**model, SM_LLAMA_CPP_THREADS="2")
    assert (value(given, "--threads"), value(given, "--threads-batch")) == ("2", "2")
    both = arguments(**model, SM_LLAMA_CPP_THREADS="2", SM_LLAMA_CPP_THREADS_BATCH="1")
    assert (both.count("--threads"), value(both, "--threads-batch")) == (1, "1")


def test_the_port_is_sagemakers():
    model = {"SM_LLAMA_CPP_MODEL": "m.gguf"}
    assert Entry.of(model).port == 8080
    assert Entry.of(model | {"SAGEMAKER_BIND_TO_PORT": "9001"}).port == 9001
    with pytest.raises(EntryRefused, match="SAGEMAKER_BIND_TO_PORT is 'x'"):
        Entry.of(model | {"SAGEMAKER_BIND_TO_PORT": "x"})
