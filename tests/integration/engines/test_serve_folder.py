"""`stratos serve` on a folder as it is pulled: llama.cpp answers as the run's endpoint does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request

from serving.llama_cpp.process import free_port
from stratos.waiting import every, wait_until, within
from tests.integration.engines.engine_processes import ROOT
from tests.integration.engines.request_table import text_of


def asked(url, question):
    body = {"messages": [{"role": "user", "content": question}], "max_tokens": 12}
    request = urllib.request.Request(
        f"{url}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=600) as response:
        return json.load(response)["choices"][0]["message"]["content"]


def is_healthy(url):
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=60) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def test_a_pulled_folder_answers_as_the_endpoint_did(artifact, llama_cpp_endpoint, tmp_path):
    (artifact / "manifest.json").write_text(json.dumps({"base_model": "owner/teacher"}))
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "stratos.cli.app", "serve", str(artifact), "--port", str(port)]
    environment = os.environ | {"PATH": str(tmp_path)}  # no llama-server of this machine
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as serving:
        try:
            assert wait_until(
                lambda: serving.poll() is not None or is_healthy(url),
                deadline=within(600),
                pauses=every(0.1),
            )
            here = asked(url, "1m2m3m")
        finally:
            serving.send_signal(signal.SIGINT)
        assert serving.wait(timeout=600) == 0
    question = {"messages": [{"role": "user", "content": "1m2m3m"}], "max_tokens": 12}
    assert here == text_of(llama_cpp_endpoint.post(question).json())
