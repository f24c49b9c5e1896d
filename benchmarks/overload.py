"""A server under four times its planned load: what it answers, and whether it comes back.

    python -m benchmarks.overload --write                five minutes of overload for each server
    python -m benchmarks.overload --minutes 2 --servers stratos

The example's student in our endpoint's container and, where this machine has an nginx, behind it
and llama.cpp's server as in AWS's image. The planned load is 70% of what the server does of short
requests. A caller gives up after 60 seconds, as SageMaker does; docs/serving.md says what else may
happen.
Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import json
import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp

from benchmarks import nginx_front
from benchmarks.serving import EXAMPLE
from benchmarks.serving_contenders import (
    CONCURRENCIES,
    NGINX,
    Contender,
    Running,
    behind_nginx,
    exported,
    ours,
    running,
)
from benchmarks.tables import check, conclude
from stratos.measuring.load import poisson_arrivals

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "overload.json"
PLANNED_SHARE, OVERLOAD = 0.7, 4.0
SAGEMAKER_SECONDS = 60.0
"""After which InvokeEndpoint gives up."""
GIVEN_UP, CLOSED = f"given up after {SAGEMAKER_SECONDS:.0f} s", "closed without an answer"
NAMED = frozenset({"200", GIVEN_UP, CLOSED})
"""What the tables of docs/serving.md let happen under more requests than slots."""
RECOVERY_SECONDS = 30.0
"""Within which an answer comes once nobody else asks."""
GROWTH_MIB = 64.0
SAMPLE_SECONDS = 1.0
WARM_UP_SECONDS, CAPACITY_SECONDS = 5.0, 10.0
MAX_DOUBLINGS = 6
SLOTS = max(CONCURRENCIES)
"""That each of these servers has."""
MAX_TOKENS = 32


@dataclass
class Outcomes:
    """What came of the requests, and the memory meanwhile."""

    counts: Counter[str] = field(default_factory=Counter)
    memory_mib: list[float] = field(default_factory=list)
    most_open: int = 0
    open: int = 0


@dataclass(frozen=True)
class Caller:
    """Asks one server, as SageMaker's runtime does: no answer within a minute is none."""

    contender: Contender
    server: Running
    questions: Sequence[str]

    async def ask(self, http: aiohttp.ClientSession, question: str) -> str:
        body = {
            "model": self.contender.model,
            "messages": [{"role": "user", "content": question}],
            "max_tokens": MAX_TOKENS,
            "temperature": 0,
        }
        try:
            async with http.post(self.server.url + self.contender.path, json=body) as response:
                await response.read()
                return str(response.status)
        except TimeoutError:
            return GIVEN_UP
        except aiohttp.ClientError as error:
            return CLOSED if _is_closed(error) else type(error).__name__

    async def capacity(self) -> float:
        """Answers a second at best, of a warm server."""
        await self._answers_per_second(WARM_UP_SECONDS, SLOTS)
        return max(
            [await self._answers_per_second(CAPACITY_SECONDS, callers) for callers in (8, SLOTS)]
        )

    async def planned(self) -> float:
        """Requests a second of the load that the server would be planned for.

        A machine that does other work meanwhile shows too low a capacity: it is doubled until four
        times the planned load makes requests pile up, as an overload does.
        """
        capacity = await self.capacity()
        for _ in range(MAX_DOUBLINGS):
            planned = PLANNED_SHARE * capacity
            trial = await self.overload(OVERLOAD * planned, CAPACITY_SECONDS)
            if trial.most_open > 2 * SLOTS:
                return planned
            capacity *= 2
        raise SystemExit(f"{self.contender.name} cannot be overloaded from this process")

    async def _answers_per_second(self, seconds: float, concurrency: int) -> float:
        answered, ends = 0, time.perf_counter() + seconds

        async def keep_asking(http: aiohttp.ClientSession, rng: random.Random) -> None:
            nonlocal answered
            while time.perf_counter() < ends:
                answered += await self.ask(http, rng.choice(self.questions)) == "200"

        async with _session() as http:
            began = time.perf_counter()
            callers = (keep_asking(http, random.Random(seed)) for seed in range(concurrency))
            await asyncio.gather(*callers)
            return answered / (time.perf_counter() - began)

    async def overload(self, per_second: float, seconds: float) -> Outcomes:
        """Offer more than the server can do, whatever it answers."""
        found, rng = Outcomes(), random.Random(0)
        arrivals = takewhile(lambda moment: moment < seconds, poisson_arrivals(per_second, rng))
        begun: set[asyncio.Task[None]] = set()

        async def one(http: aiohttp.ClientSession, question: str) -> None:
            found.open += 1
            found.most_open = max(found.most_open, found.open)
            outcome = await self.ask(http, question)
            found.open -= 1
            found.counts[outcome] += 1

        async with _session() as http:
            start = time.perf_counter()
            sampler = asyncio.create_task(self._sample(found, start + seconds))
            for arrival in arrivals:
                await asyncio.sleep(start + arrival - time.perf_counter())
                task = asyncio.create_task(one(http, rng.choice(self.questions)))
                begun.add(task)
                task.add_done_callback(begun.discard)
            await asyncio.gather(sampler, *begun)
        return found

    async def _sample(self, found: Outcomes, until: float) -> None:
        while time.perf_counter() < until:
            found.memory_mib.append(self.server.memory_mib())
            await asyncio.sleep(SAMPLE_SECONDS)

    async def seconds_to_answer(self) -> float:
        """From the end of the load until one request is answered; infinite if it is not."""
        began = time.perf_counter()
        async with _session() as http:
            while time.perf_counter() - began < 2 * SAGEMAKER_SECONDS:
                if await self.ask(http, self.questions[0]) == "200":
                    return time.perf_counter() - began
        return float("inf")


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=SAGEMAKER_SECONDS),
    )


def _is_here(contender: Contender) -> bool:
    return contender.name != NGINX or nginx_front.NGINX is not None


def _is_closed(error: aiohttp.ClientError) -> bool:
    """Whether the server took a connection, and closed it without an answer."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return False
    if isinstance(error, aiohttp.ClientOSError):
        # The latter has no number: it was closed while the request was being written.
        is_reset = error.errno in (errno.ECONNRESET, errno.EPIPE)
        return is_reset or isinstance(error.__cause__, ConnectionResetError)
    return isinstance(error, aiohttp.ServerDisconnectedError)


def measure(contender: Contender, questions: Sequence[str], seconds: float) -> dict[str, Any]:
    with running(contender) as server:
        caller = Caller(contender, server, questions)
        planned = asyncio.run(caller.planned())
        found = asyncio.run(caller.overload(OVERLOAD * planned, seconds))
        after = asyncio.run(caller.seconds_to_answer())
        minute = max(1, round(min(60.0, seconds / 3) / SAMPLE_SECONDS))
        first, last = found.memory_mib[:minute], found.memory_mib[-minute:]
        return {
            "server": contender.name,
            "planned_per_second": planned,
            "offered_per_second": OVERLOAD * planned,
            "seconds": seconds,
            "outcomes": dict(found.counts),
            "most_open": found.most_open,
            "seconds_to_answer_after": after,
            "memory_first_minute_mib": median(first),
            "memory_last_minute_mib": median(last),
        }


def checks(row: dict[str, Any]) -> list[dict[str, Any]]:
    server = row["server"]
    others = sum(count for outcome, count in row["outcomes"].items() if outcome not in NAMED)
    answered = row["outcomes"].get("200", 0) / row["seconds"] / row["planned_per_second"]
    growth = row["memory_last_minute_mib"] - row["memory_first_minute_mib"]
    return [
        check(f"{server}: requests open at once", row["most_open"], 2 * SLOTS, "higher"),
        check(f"{server}: outcomes that the table does not name", others, 0, "lower"),
        check(f"{server}: answered, in planned loads", answered, 1, "higher"),
        check(
            f"{server}: seconds to an answer after the load",
            row["seconds_to_answer_after"],
            RECOVERY_SECONDS,
            "lower",
        ),
        check(f"{server}: MiB more in the last minute", growth, GROWTH_MIB, "lower"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="of overload, for each server")
    parser.add_argument("--servers", nargs="+", metavar="NAME", help="these alone")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    args = parser.parse_args()
    load_before = os.getloadavg()[0]
    lines = (EXAMPLE / "dataset.jsonl").read_text().splitlines()[:200]
    questions = [json.loads(line)["prompt"] for line in lines]
    model = exported(EXAMPLE / "models" / "student-base", ROOT / "build" / "overload", ("q8_0",))
    servers = [ours(model, "q8_0"), behind_nginx(model, "q8_0")]
    asked = args.servers or [server.name for server in servers if _is_here(server)]
    if unknown := set(asked) - {server.name for server in servers}:
        parser.error(
            f"no server {', '.join(sorted(unknown))}; there are {[s.name for s in servers]}"
        )
    if args.write and len(asked) < len(servers):
        parser.error("--write needs all servers, and so an nginx on this machine")
    rows = []
    for server in servers:
        if server.name in asked:
            rows.append(measure(server, questions, 60 * args.minutes))
            print(json.dumps(rows[-1]), flush=True)
    found = [each for row in rows for each in checks(row)]
    conclude(RESULTS, {"load_average_before": load_before, "rows": rows}, found, write=args.write)


if __name__ == "__main__":
    main()
