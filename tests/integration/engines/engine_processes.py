"""The two engines as processes, started with what an endpoint's environment becomes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from serving.llama_cpp.arguments import arguments_of
from serving.llama_cpp.process import free_port
from tests.patience import eventually

ROOT = Path(__file__).resolve().parents[3]
VLLM_PREFIX = "SM_VLLM_"
VLLM_PYTHON = "STRATOS_VLLM_PYTHON"
"""Names the interpreter of an environment that has vLLM; `make test-vllm` makes one."""
_START_SECONDS = 900


def localised(environment: Mapping[str, str], model: Path) -> dict[str, str]:
    """An endpoint's environment with the model where it lies here."""
    return {name: value.replace("/opt/ml/model", str(model)) for name, value in environment.items()}


@contextmanager
def llama_cpp(environment: Mapping[str, str], model: Path, log: Path) -> Iterator[str]:
    """The stand-in for the entry point of AWS's llama.cpp image."""
    port = free_port()
    variables = localised(environment, model) | {"SAGEMAKER_BIND_TO_PORT": str(port)}
    command = [sys.executable, "-m", "serving"]
    with _running(command, os.environ | variables | {"OMP_NUM_THREADS": "1"}, port, log) as url:
        yield url


@contextmanager
def vllm(environment: Mapping[str, str], model: Path, log: Path) -> Iterator[str]:
    """Real vLLM on this machine's CPU; compiled graphs would take minutes for a test."""
    port = free_port()
    given = localised(environment, model)
    command = [os.environ[VLLM_PYTHON], "-m", "vllm.entrypoints.openai.api_server"]
    command += arguments_of(given, VLLM_PREFIX)
    command += ["--enforce-eager", "--host", "127.0.0.1", "--port", str(port)]
    variables = {"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with _running(command, os.environ | variables, port, log) as url:
        yield url


@contextmanager
def _running(
    command: list[str], environment: Mapping[str, str], port: int, log: Path
) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    with log.open("w") as sink:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=sink, stderr=sink, start_new_session=True
        )
    try:
        _await_ping(url, process, log)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _await_ping(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    def healthy() -> bool:
        if process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}: {log.read_text()[-3000:]}")
        try:
            return httpx.get(f"{url}/ping", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    eventually(healthy, doing=lambda: log.read_text()[-3000:], seconds=_START_SECONDS)


def copied(model: Path, target: Path) -> Path:
    """A model folder that a test may write into."""
    shutil.copytree(model, target)
    return target
