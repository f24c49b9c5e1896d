"""What `stratos serve` would start, and for which file."""

from __future__ import annotations

import json
import stat

import pytest

from stratos.cli import serve
from stratos.cli.serve import llama_arguments, model_in, vllm_arguments
from stratos.errors import ModelNotFound, NoEngine


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"base_model": "owner/tiny-base"}))
    (tmp_path / "model.safetensors").write_bytes(b"w")
    return tmp_path


@pytest.fixture
def put_on_path(tmp_path, monkeypatch):
    """Let a program be the only one on the path."""

    def put(name):
        program = tmp_path / "bin" / name
        program.parent.mkdir()
        program.write_text("#!/bin/sh\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(program.parent))
        return program

    return put


def with_ggufs(folder):
    (folder / "model.gguf").write_bytes(b"in full")
    (folder / "model-q8_0.gguf").write_bytes(b"less")
    return folder


def test_the_smallest_gguf_is_served_unless_another_is_asked_for(folder):
    with_ggufs(folder)
    assert model_in(folder, None).path.name == "model-q8_0.gguf"
    assert model_in(folder, "full").path.name == "model.gguf"
    assert model_in(folder, None).name == "tiny-base"


def test_a_precision_that_is_not_there_names_those_that_are(folder):
    with pytest.raises(ModelNotFound, match="no GGUF in 'q4_k_m'; it has q8_0, full"):
        model_in(with_ggufs(folder), "q4_k_m")


def test_a_folder_that_was_not_pulled_says_how_to_get_one(tmp_path):
    with pytest.raises(ModelNotFound, match="`stratos pull RUN --to"):
        model_in(tmp_path, None)


def test_engines_answer_this_machine_alone(folder):
    model = model_in(with_ggufs(folder), None)
    for arguments in (
        llama_arguments(model, 8080, 0),
        vllm_arguments(folder, model.name, 8080, 512),
    ):
        assert arguments[arguments.index("--host") + 1] == "127.0.0.1"


def test_a_program_on_the_path_is_become(folder, put_on_path, monkeypatch):
    program = put_on_path("llama-server")
    become = []
    monkeypatch.setattr(serve, "_become", lambda *asked: become.append(asked))
    serve.serve_command(with_ggufs(folder), 9000, None, 0)
    [(started, arguments)] = become
    assert started == str(program)
    assert arguments[arguments.index("--port") + 1] == "9000"


def test_vllm_does_not_stand_in_for_a_precision_that_was_asked_for(
    folder, put_on_path, monkeypatch
):
    put_on_path("vllm")
    monkeypatch.setattr(serve, "_WHEEL", "no_such_package")
    with pytest.raises(NoEngine, match="llama-server is not on the path"):
        serve.serve_command(with_ggufs(folder), 8080, "q8_0", 0)


def test_a_machine_without_an_engine_says_what_to_install(folder, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(serve, "_WHEEL", "no_such_package")
    with pytest.raises(NoEngine, match=r"pip install 'stratos-distill\[serve\]'"):
        serve.serve_command(with_ggufs(folder), 8080, None, 0)
