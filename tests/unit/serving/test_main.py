"""The real process, `python -m serving`: it starts, answers, drains and ends well."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

PROJECT = Path(__file__).parents[3]


@dataclass
class Process:
    popen: subprocess.Popen[str]
    log: list[str]
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_for(self, text: str) -> str:
        """Read the log up to the line that holds `text`."""
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            self.log.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text!r} never came: {''.join(self.log)}")

    def finish(self) -> int:
        self.log += self.popen.communicate(timeout=60)[1].splitlines(keepends=True)
        return self.popen.returncode


@contextmanager
def started(model_dir: Path, **variables: str) -> Iterator[Process]:
    environment = os.environ | {
        "SM_MODEL_DIR": str(model_dir),
        "SAGEMAKER_BIND_TO_PORT": "0",
        "STRATOS_BIND_HOST": "127.0.0.1",
        "OMP_NUM_THREADS": "1",
        **variables,
    }
    popen = subprocess.Popen(
        [sys.executable, "-m", "serving"],
        cwd=PROJECT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Process(popen, [])
    finally:
        popen.kill()
        popen.communicate()


@contextmanager
def serving(model_dir: Path, **variables: str) -> Iterator[Process]:
    with started(model_dir, **variables) as process:
        line = process.wait_for("is ready on")
        process.port = int(line.partition("127.0.0.1:")[2].split()[0])
        yield process


def test_sigterm_finishes_what_is_in_flight_and_refuses_the_rest(model_dir):
    body = {
        "messages": [{"role": "user", "content": "x"}],
        "max_tokens": 110,
        "stream": True,
        "stream_options": {"include_usage": True},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"schema": {"type": "array", "minItems": 200}},
        },
    }
    with serving(model_dir) as process:
        with (
            httpx.Client(base_url=process.url, timeout=30) as client,
            client.stream("POST", "/invocations", json=body) as answer,
        ):
            lines = answer.iter_lines()
            assert "assistant" in next(lines)
            process.popen.send_signal(signal.SIGTERM)
            process.wait_for("Shutting down")
            with pytest.raises(httpx.TransportError):
                httpx.get(f"{process.url}/ping", timeout=30)
            rest = [line[6:] for line in lines if line]
        assert process.finish() == 0
    assert rest[-1] == "[DONE]"
    assert json.loads(rest[-2])["usage"]["completion_tokens"] == 110


def test_sigterm_ends_an_idle_server_even_with_a_connection_open(model_dir):
    with serving(model_dir) as process, httpx.Client(base_url=process.url) as client:
        assert client.get("/ping").status_code == 200
        process.popen.send_signal(signal.SIGTERM)
        assert process.finish() == 0
    assert any("is ready on" in line for line in process.log)


def test_a_damaged_model_ends_the_start_with_one_clear_line(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"')
    (tmp_path / "tokenizer.json").write_text("{}")
    with started(tmp_path) as process:
        assert process.finish() == 1
    (line,) = [line for line in process.log if "cannot serve" in line]
    assert str(tmp_path) in line
    assert not any("Traceback" in line for line in process.log)


def test_a_wrong_setting_is_named(model_dir):
    with started(model_dir, STRATOS_NUM_SLOTS="many") as process:
        assert process.finish() == 1
    assert any("STRATOS_NUM_SLOTS" in line for line in process.log)


def test_the_cap_on_new_tokens_comes_from_the_environment(model_dir):
    ask = {"messages": [{"role": "user", "content": "x"}]}
    with serving(model_dir, STRATOS_MAX_NEW_TOKENS="5") as process:
        with httpx.Client(base_url=process.url, timeout=30) as client:
            refused = client.post("/invocations", json=ask | {"max_tokens": 6})
            answer = client.post("/invocations", json=ask).json()
        process.popen.send_signal(signal.SIGTERM)
        assert process.finish() == 0
    assert refused.status_code == 400
    assert "at most 5" in refused.json()["error"]["message"]
    assert answer["usage"]["completion_tokens"] <= 5


def test_a_client_that_goes_away_frees_its_slot(serve):
    body = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 100}
    with serve(num_slots=1) as (client, engine):
        hold, original = threading.Event(), engine.model.lm_head.forward
        engine.model.lm_head.forward = lambda hidden: (hold.wait(30), original(hidden))[1]
        try:
            with (
                httpx.Client(base_url=client.base_url, timeout=30) as leaver,
                leaver.stream("POST", "/invocations", json=body | {"stream": True}) as answer,
            ):
                next(answer.iter_lines())
            with (
                httpx.Client(base_url=client.base_url, timeout=0.2) as leaver,
                pytest.raises(httpx.ReadTimeout),
            ):
                leaver.post("/invocations", json=body)
            for _ in range(5):  # the server has seen both leave before it answers these
                client.get("/ping")
        finally:
            hold.set()
            engine.model.lm_head.forward = original
        follower = client.post("/invocations", json=body).json()
        # The engine does not count the end of the text as a token of the answer.
        ended = follower["choices"][0]["finish_reason"] == "stop"
        expected = follower["usage"]["completion_tokens"] + ended
        assert engine.load.generated_tokens == expected
