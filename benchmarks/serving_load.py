"""Open-loop load over HTTP: Poisson arrivals, streamed answers, latency from when each was due."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import aiohttp

from stratos.measuring.load import percentile, poisson_arrivals

_EMPTY = (b'"content":""', b'"content": ""', b'"content":null', b'"content": null')


@dataclass(frozen=True)
class Answer:
    """One answered request, in seconds; times count from the moment it was due."""

    latency: float
    first_token: float
    tokens: int


@dataclass(frozen=True)
class Load:
    """What one server did under one load."""

    offered_per_second: float
    answers: list[Answer]
    failed: int
    seconds: float

    def row(self) -> dict[str, float]:
        """Figures of the answered requests; latencies in ms."""
        latencies = sorted(1000 * answer.latency for answer in self.answers)
        firsts = sorted(1000 * answer.first_token for answer in self.answers)
        row = {
            "offered/s": self.offered_per_second,
            "requests/s": len(self.answers) / self.seconds,
            "tokens/s": sum(answer.tokens for answer in self.answers) / self.seconds,
            "failed": float(self.failed),
        }
        for name, q in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
            row[name] = percentile(latencies, q).value if latencies else float("nan")
        row["ttft_p50_ms"] = percentile(firsts, 0.5).value if firsts else float("nan")
        row["ttft_p95_ms"] = percentile(firsts, 0.95).value if firsts else float("nan")
        return row


class Client:
    """Asks one server, never more than `concurrency` questions at once.

    Open loop: a request is due when the schedule says; the time it waits for one of the
    `concurrency` places counts as latency.
    """

    def __init__(
        self,
        url: str,
        model: str,
        questions: Sequence[str],
        max_tokens: int,
        path: str = "/v1/chat/completions",
    ) -> None:
        self._url, self._path = url, path
        self._model = model
        self._questions = questions
        self._max_tokens = max_tokens

    async def offer(self, per_second: float, seconds: float, concurrency: int, seed: int) -> Load:
        """Offer a Poisson load for a while and wait for what it started."""
        rng = random.Random(seed)
        endless = poisson_arrivals(per_second, rng)
        arrivals = list(takewhile(lambda moment: moment < seconds, endless)) or [0.0]
        places = asyncio.Semaphore(concurrency)
        connections = aiohttp.TCPConnector(limit=concurrency)
        times = aiohttp.ClientTimeout(total=600)
        async with aiohttp.ClientSession(connector=connections, timeout=times) as http:
            start = time.perf_counter()

            async def send(arrival: float, question: str) -> Answer:
                await asyncio.sleep(start + arrival - time.perf_counter())
                async with places:
                    return await self._ask(http, question, start + arrival)

            jobs = [send(arrival, rng.choice(self._questions)) for arrival in arrivals]
            outcomes = await asyncio.gather(*jobs, return_exceptions=True)
            took = time.perf_counter() - start
        answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
        return Load(per_second, answers, len(outcomes) - len(answers), took)

    async def saturate(self, num_requests: int, concurrency: int, seed: int) -> Load:
        """All requests due at once: the throughput at this concurrency."""
        return await self.offer(num_requests * 1000.0, 0.001, concurrency, seed)

    async def _ask(self, http: aiohttp.ClientSession, question: str, due: float) -> Answer:
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": question}],
            "max_tokens": self._max_tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        first, pieces, usage = 0.0, 0, None
        async with http.post(self._url + self._path, json=body) as response:
            response.raise_for_status()
            async for line in response.content:
                if not line.startswith(b"data: {"):
                    continue
                # Only what is needed is parsed: a client that is busy would slow the server down.
                if b'"content":' in line and not any(empty in line for empty in _EMPTY):
                    first = first or time.perf_counter() - due
                    pieces += 1
                if b'"usage":{' in line or b'"usage": {' in line:
                    usage = json.loads(line[6:])["usage"] or usage
        ended = time.perf_counter() - due
        tokens = int(usage["completion_tokens"]) if usage else pieces
        return Answer(ended, first or ended, tokens)
