"""What Prometheus may scrape."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from serving.completion import End
from serving.engine import Engine

LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counters of one server, in a registry of its own."""

    def __init__(self, engine: Engine) -> None:
        self.registry = CollectorRegistry()
        self.refused = self._counter("refused", "Requests refused because the queue was full")
        self._tokens = self._counter("completion_tokens", "Tokens generated")
        self._prompt_tokens = self._counter("prompt_tokens", "Tokens read")
        self._finished = Counter(
            "stratos_requests", "Requests ended", ["reason"], registry=self.registry
        )
        self._latency = Histogram(
            "stratos_request_seconds",
            "Time from body read to last token",
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
        for name, read in (
            ("active_sequences", lambda: engine.load.active),
            ("waiting_requests", lambda: engine.load.waiting),
        ):
            gauge = Gauge(f"stratos_{name}", name.replace("_", " "), registry=self.registry)
            gauge.set_function(read)

    def observe(self, end: End, seconds: float) -> None:
        self._finished.labels(end.reason).inc()
        self._tokens.inc(end.completion_tokens)
        self._prompt_tokens.inc(end.prompt_tokens)
        self._latency.observe(seconds)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"stratos_{name}", text, registry=self.registry)
