"""Figures Prometheus may scrape."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from serving.completion import CompletionEnd
from serving.engine import Engine

LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counters of one server, in a registry of its own."""

    def __init__(self, engine: Engine) -> None:
        self.registry = CollectorRegistry()
        self._refused = self._counter("refused", "Requests answered with an error", "status")
        self._finished = self._counter("requests", "Requests ended", "reason")
        self._tokens = self._counter("completion_tokens", "Tokens generated")
        self._prompt_tokens = self._counter("prompt_tokens", "Tokens read")
        self._latency = self._histogram("request", "Body read to last token")
        self._first_token = self._histogram("time_to_first_token", "Body read to first token")
        self._queue_wait = self._histogram("queue_wait", "Body read to a free slot")
        for name, read in (
            ("active_sequences", lambda: engine.load.active),
            ("waiting_requests", lambda: engine.load.waiting),
            ("decoding_steps", lambda: engine.load.steps),
        ):
            gauge = Gauge(f"stratos_{name}", name.replace("_", " "), registry=self.registry)
            gauge.set_function(read)

    def refused(self, status: int) -> None:
        """Count a request that got an error instead of an answer."""
        self._refused.labels(str(status)).inc()

    def observe(self, end: CompletionEnd) -> None:
        """Count a completion that ended, whatever the reason."""
        self._finished.labels(end.reason).inc()
        self._tokens.inc(end.completion_tokens)
        self._prompt_tokens.inc(end.prompt_tokens)
        timing = end.timing
        self._latency.observe(time.monotonic() - timing.submitted)
        if timing.admitted is not None:
            self._queue_wait.observe(timing.admitted - timing.submitted)
        if timing.first_token is not None:
            self._first_token.observe(timing.first_token - timing.submitted)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"stratos_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(
            f"stratos_{name}_seconds", text, buckets=LATENCY_BUCKETS, registry=self.registry
        )
