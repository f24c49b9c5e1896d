"""The server measured against `transformers serve` and plain `generate` behind HTTP.

Same model, same questions, same arrivals, one run, each server alone on this machine. Prints a
table a part and ends with one line of JSON; both lie under benchmarks/results/ too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import describe_machine  # noqa: E402
from benchmarks.serving_load import Client  # noqa: E402

EXAMPLE = ROOT / "examples" / "mahjong-waits"
RESULTS = ROOT / "benchmarks" / "results"
CONCURRENCIES = (1, 8, 32)
LOAD_SHARE = 0.7
"""The open-loop load, as a share of what `transformers serve` can do at that concurrency."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Contender:
    """One server: how it is started, and where it says that it is healthy."""

    name: str
    command: tuple[str, ...]
    health: str


def contenders(model_dir: Path) -> list[Contender]:
    model, python = str(model_dir), sys.executable
    serve = str(Path(python).parent / "transformers")
    options = ("--device", "cpu", "--dtype", "float32", "--host", "127.0.0.1", "--port", "{port}")
    plain = str(ROOT / "benchmarks" / "serving_plain.py")
    return [
        Contender("stratos", (python, "-m", "serving"), "/ping"),
        Contender("transformers serve", (serve, "serve", model, *options), "/health"),
        Contender(
            "transformers serve --continuous-batching",
            (serve, "serve", model, "--continuous-batching", *options),
            "/health",
        ),
        Contender("generate behind HTTP", (python, plain, model, "{port}"), "/health"),
    ]


@dataclass(frozen=True)
class Running:
    """A server that is up."""

    url: str
    process: psutil.Process
    cold_start_seconds: float
    """From exec to the first whole answer."""

    def memory_mib(self) -> float:
        family = [self.process, *self.process.children(recursive=True)]
        return float(sum(process.memory_info().rss for process in family)) / 2**20


@contextmanager
def running(
    contender: Contender, model_dir: Path, question: str, threads: int
) -> Iterator[Running]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "SM_MODEL_DIR": str(model_dir),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "STRATOS_BIND_HOST": "127.0.0.1",
        "STRATOS_MAX_WAITING": "4096",
        "HF_HUB_OFFLINE": "1",
    }
    command = [part.format(port=port) for part in contender.command]
    log = ROOT / "build" / "bench-serving.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("w") as sink:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=sink, stderr=sink)
    try:
        while True:
            try:
                httpx.get(url + contender.health, timeout=5).raise_for_status()
                break
            except httpx.HTTPError:
                if process.poll() is not None:
                    tail = log.read_text()[-2000:]
                    raise SystemExit(f"{contender.name} ended at its start: {tail}") from None
                time.sleep(0.05)
        first = asyncio.run(Client(url, str(model_dir), [question], 4).saturate(1, 1, seed=0))
        if first.failed:
            raise SystemExit(f"{contender.name} did not answer: {log.read_text()[-2000:]}")
        cold = time.perf_counter() - started
        yield Running(url, psutil.Process(process.pid), cold)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.unlink(missing_ok=True)


def measure(args: argparse.Namespace, questions: list[str]) -> tuple[list[Row], list[Row]]:
    """Throughput of all servers at each concurrency, then each under the same open-loop load."""
    throughput: list[Row] = []
    loaded: list[Row] = []
    rates: dict[int, float] = {}
    everyone = contenders(args.model)
    # transformers serve first: what it can do sets the load that all are offered.
    for contender in (everyone[1], everyone[0], *everyone[2:]):
        try:
            with running(contender, args.model, questions[0], args.threads) as server:
                client = Client(server.url, str(args.model), questions, args.max_tokens)
                for concurrency in CONCURRENCIES:
                    asyncio.run(client.saturate(2 * concurrency, concurrency, seed=9))
                    size = args.requests * min(concurrency, 4)
                    full = asyncio.run(client.saturate(size, concurrency, seed=concurrency)).row()
                    rate = rates.setdefault(concurrency, LOAD_SHARE * full["requests/s"])
                    name = {"server": contender.name, "concurrency": concurrency}
                    throughput.append(
                        name | full | {"cold_start_s": server.cold_start_seconds,
                                       "memory_mib": server.memory_mib()}
                    )  # fmt: skip
                    load = client.offer(rate, args.seconds, concurrency, seed=concurrency)
                    loaded.append(name | asyncio.run(load).row())
        except SystemExit as error:
            print(error)
            throughput.append({"server": contender.name, "error": str(error)[:300]})
    return throughput, loaded


def soak(args: argparse.Namespace, questions: list[str]) -> list[Row]:
    """Memory of our server under a steady load, in six parts."""
    rows: list[Row] = []
    with running(contenders(args.model)[0], args.model, questions[0], args.threads) as server:
        client = Client(server.url, str(args.model), questions, args.max_tokens)
        asyncio.run(client.saturate(128, 32, seed=1))  # every slot used once
        for part in range(6):
            load = asyncio.run(client.offer(20, args.soak_seconds / 6, 32, seed=part)).row()
            rows.append({"part": part, "memory_mib": server.memory_mib()} | load)
    return rows


def checks(throughput: list[Row], loaded: list[Row], soaked: list[Row]) -> list[Row]:
    def at_eight(rows: list[Row], server: str, figure: str) -> float:
        found = [r[figure] for r in rows if r["server"] == server and r.get("concurrency") == 8]
        return float(found[0]) if found else float("nan")

    peer = "transformers serve"
    speed_up = at_eight(throughput, "stratos", "tokens/s") / at_eight(throughput, peer, "tokens/s")
    p95 = at_eight(loaded, "stratos", "p95_ms") / at_eight(loaded, peer, "p95_ms")
    growth = soaked[-1]["memory_mib"] / soaked[0]["memory_mib"] if soaked else float("nan")
    failed = sum(row["failed"] for row in [*throughput, *loaded] if row["server"] == "stratos")
    return [
        check("tokens/s over `transformers serve`, concurrency 8", speed_up, 2.0, "higher"),
        check("p95 over `transformers serve`'s, same load, concurrency 8", p95, 1.0, "lower"),
        check("memory at the end of the soak over its start", growth, 1.02, "lower"),
        check("failed requests of ours", failed + sum(r["failed"] for r in soaked), 0, "lower"),
    ]


def check(name: str, value: float, aim: float, better: str) -> Row:
    meets = value >= aim if better == "higher" else value <= aim
    return {"name": name, "value": value, "aim": aim, "better": better, "meets": meets}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=EXAMPLE / "models" / "student-base")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--requests", type=int, default=40, help="per concurrency, times up to 4")
    parser.add_argument("--seconds", type=float, default=20.0, help="of open-loop load")
    parser.add_argument("--soak-seconds", type=float, default=600.0)
    args = parser.parse_args()
    with (EXAMPLE / "dataset.jsonl").open(encoding="utf-8") as file:
        questions = [json.loads(line)["prompt"] for line, _ in zip(file, range(500), strict=False)]
    RESULTS.mkdir(parents=True, exist_ok=True)
    busy = psutil.cpu_percent(interval=2.0)
    throughput, loaded = measure(args, questions)
    print_table("All requests due at once", throughput)
    print_table("The same open-loop load", loaded)
    soaked = soak(args, questions) if args.soak_seconds else []
    print_table(f"Soak of {args.soak_seconds:.0f} s at 20 requests/s", soaked)
    result = {
        "name": "serving",
        "machine": f"{describe_machine()}; {busy:.0f}% busy with other work when it began",
        "date": datetime.now(UTC).date().isoformat(),
        "checks": checks(throughput, loaded, soaked),
    }
    rows = {"throughput": throughput, "load": loaded, "soak": soaked}
    (RESULTS / "serving.json").write_text(json.dumps(result | {"rows": rows}, indent=1) + "\n")
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
