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
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import describe_machine  # noqa: E402
from benchmarks.real_weights import smollm2  # noqa: E402
from benchmarks.serving_checks import REAL, STUDENT, checks  # noqa: E402
from benchmarks.serving_contenders import (  # noqa: E402
    CONCURRENCIES,
    Contender,
    Running,
    bare,
    before,
    exported,
    ours,
    running,
    transformers_serve,
    vllm,
)
from benchmarks.serving_load import Client  # noqa: E402
from benchmarks.tables import Row, print_table, shown  # noqa: E402

EXAMPLE = ROOT / "examples" / "mahjong-waits"
RESULTS = ROOT / "benchmarks" / "results"
LOAD_SHARE = 0.7
"""The open-loop load, as a share of what the slowest server can do at that concurrency."""


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
        print("  ".join(f"{name} {shown(value)}" for name, value in row.items()), flush=True)
        return row

    def _client(
        self, contender: Contender, server: Running, max_tokens: int | None = None
    ) -> Client:
        tokens = max_tokens or self.max_tokens
        return Client(server.url, contender.model, self.questions, tokens, contender.path)


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
    print("\nThroughput with all requests due at once, latency under one load")
    print_table(rows)
    first = everything[0]
    soaked = (
        soak(first.contenders[0], first.questions, args.soak_seconds) if args.soak_seconds else []
    )
    print(f"\nSoak of {args.soak_seconds:.0f} s at 20 requests/s")
    print_table(soaked)
    result = {
        "name": "serving",
        "machine": f"{describe_machine()}; {busy:.0f}% busy with other work when it began",
        "date": datetime.now(UTC).date().isoformat(),
        "checks": checks(rows, soaked),
    }
    whole = result | {"rows": rows, "soak": soaked}
    (RESULTS / "serving.json").write_text(json.dumps(whole, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
