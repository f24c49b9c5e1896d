"""A llama.cpp server as a child process."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from serving.llama_cpp import process
from serving.llama_cpp.process import REASON, LlamaServer, ServerFailed
from tests.tiny_gguf import write_tiny_gguf


def test_a_server_answers_until_it_is_stopped_and_says_that_it_ended(tmp_path: Path):
    model = write_tiny_gguf(tmp_path / "model.gguf")
    with LlamaServer(model, ["--ctx-size", "256", "--parallel", "1", "--threads", "1"]) as server:
        assert server.is_healthy()
        body = json.dumps({"content": "ab"}).encode()
        asked = urllib.request.Request(f"{server.url}/tokenize", body, server.headers)
        with urllib.request.urlopen(asked) as answer:
            assert len(json.load(answer)["tokens"]) == 2
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            urllib.request.urlopen(f"{server.url}/tokenize", body)  # without its key
        refused.value.close()
    with pytest.raises(ServerFailed, match=r"(?s)ended with code 0\. Its log ends: .*listening"):
        server.require_alive()


def test_a_model_that_cannot_be_read_fails_the_start_with_the_servers_words(tmp_path: Path):
    (tmp_path / "model.gguf").write_text("no weights")
    with pytest.raises(ServerFailed, match=r"cannot serve .*model\.gguf"):
        LlamaServer(tmp_path / "model.gguf", [])


@pytest.mark.parametrize("lines_behind", [0, 1, 1000])
def test_the_reason_is_told_whatever_is_written_behind_it(tmp_path, monkeypatch, lines_behind):
    log = [f"{REASON}no such model", *["srv: cleaning up before exit"] * lines_behind]
    program = f"import sys; print({chr(10).join(log)!r}); sys.exit(1)"
    monkeypatch.setattr(process, "server_command", lambda *_: [sys.executable, "-c", program])
    with pytest.raises(ServerFailed) as failed:
        LlamaServer(tmp_path / "model.gguf", [])
    assert str(failed.value).count(f"{REASON}no such model") == 1
    assert str(failed.value).endswith(log[-1])


def test_without_a_reason_only_the_end_of_the_log_is_told(tmp_path, monkeypatch):
    log = ["load: loading", *["srv: working"] * 1000, "srv: gone"]
    program = f"import sys; print({chr(10).join(log)!r}); sys.exit(1)"
    monkeypatch.setattr(process, "server_command", lambda *_: [sys.executable, "-c", program])
    with pytest.raises(ServerFailed, match=r"(?s)Its log ends: .*srv: gone$") as failed:
        LlamaServer(tmp_path / "model.gguf", [])
    assert "load: loading" not in str(failed.value)
