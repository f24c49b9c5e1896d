"""The aims of the serving benchmark, as ratios of its rows."""

from __future__ import annotations

from typing import Any

from benchmarks.serving_contenders import BARE, BEFORE, CONCURRENCIES, OURS, SERVE, VLLM
from benchmarks.tables import Row, check

STUDENT, REAL = "student", "SmolLM2-135M"


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
