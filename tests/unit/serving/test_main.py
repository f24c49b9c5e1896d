"""The real process, `python -m serving`, with a real engine: it answers, drains and ends well."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from serving.llama_cpp.process import HOST, free_port
from tests.patience import eventually
from tests.tiny_gguf import write_tiny_gguf

PROJECT = Path(__file__).parents[3]
ASKED = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 8}
LONG = ASKED | {"max_tokens": 400, "stream": True}


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    write_tiny_gguf(folder / "model.gguf")
    return folder


@dataclass
class Entry:
    process: subprocess.Popen[str]
    url: str

    def ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        return urllib.request.urlopen(f"{self.url}{path}", data, timeout=600)

    def is_healthy(self) -> bool:
        assert self.process.poll() is None
        try:
            with self.ask("/ping") as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def server(self) -> psutil.Process:
        (child,) = psutil.Process(self.process.pid).children()
        return child

    def end(self) -> tuple[int, str]:
        """Its exit code and its log."""
        log, _ = self.process.communicate(timeout=600)
        return self.process.returncode, log


@contextmanager
def entry(model_dir: Path, **variables: str) -> Iterator[Entry]:
    port = free_port()
    environment = {
        "SM_LLAMA_CPP_MODEL_DIR": str(model_dir),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "SM_LLAMA_CPP_TEMP": "0",
        "SM_LLAMA_CPP_CTX_SIZE": "512",
        "SM_LLAMA_CPP_PARALLEL": "1",
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "serving"],
        cwd=PROJECT,
        env=os.environ | environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Entry(process, f"http://{HOST}:{port}")
    finally:
        process.kill()
        process.communicate()


@contextmanager
def serving(model_dir: Path, **variables: str) -> Iterator[Entry]:
    with entry(model_dir, **variables) as started:
        eventually(started.is_healthy)
        yield started


def test_invocations_are_answered_by_the_engine_and_sigterm_finishes_what_is_in_flight(model_dir):
    with serving(model_dir, SM_LLAMA_CPP_ALIAS="tiles") as started:
        with started.ask("/invocations", ASKED) as answer:
            told = json.load(answer)
        assert (told["model"], told["usage"]["completion_tokens"]) == ("tiles", 8)
        with pytest.raises(urllib.error.HTTPError) as refused:
            started.ask("/invocations", {"inputs": "x"})
        with refused.value as answer:
            assert (answer.status, json.load(answer)["error"]["code"]) == (400, 400)
        server = started.server()
        with started.ask("/invocations", LONG) as answer:
            assert answer.readline().startswith(b"data: ")
            started.process.send_signal(signal.SIGTERM)
            rest = answer.read()
        code, log = started.end()
    assert code == 0, log
    assert rest.rstrip().endswith(b"data: [DONE]")
    assert not server.is_running()


def test_an_engine_that_dies_ends_the_entry_with_its_last_lines_in_the_log(model_dir):
    with serving(model_dir) as started:
        started.server().kill()
        code, log = started.end()
    assert code == 1
    assert "listening on" in log
    assert "llama-server ended with code -9" in log.splitlines()[-1]


def test_an_engine_that_dies_with_the_entry_leaves_no_process(model_dir):
    with serving(model_dir) as started:
        server = started.server()
        started.process.kill()
        server.wait(600)


def test_a_damaged_model_ends_the_start_with_the_engines_words(tmp_path):
    (tmp_path / "model.gguf").write_text("no weights")
    with entry(tmp_path) as started:
        code, log = started.end()
    assert code == 1
    assert str(tmp_path / "model.gguf") in log
    assert "Traceback" not in log


def test_a_folder_without_a_model_is_named(tmp_path):
    with entry(tmp_path) as started:
        code, log = started.end()
    assert code == 1
    assert f"cannot serve: {tmp_path} holds no *.gguf" in log
