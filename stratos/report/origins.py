"""What each origin gets of a model that several regions serve: region, p95 and limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stratos.contracts.measurements import Measurement, Percentile
from stratos.pipeline.summary import RunSummary
from stratos.planning.forecast.network import WITHIN_REGION_MS
from stratos.report.figures import latency
from stratos.units import figure


@dataclass(frozen=True)
class OriginRow:
    """One origin; milliseconds."""

    origin: str
    requests_per_second: str
    region: str
    network: str
    p95: str
    """Measured in its region, with the network added."""
    forecast: str
    verdict: str
    """Empty without a limit."""


def origin_rows(summary: RunSummary) -> list[OriginRow]:
    """A row for each origin of the last model that was measured in several regions."""
    limits = (row.asked for row in summary.constraints if row.name == "max_p95_latency_ms")
    limit = next(limits, None)
    return [row for found in _last(summary) for row in _rows(found, limit)]


def _last(summary: RunSummary) -> list[Measurement]:
    """One measurement for each region, of the model that was measured last."""
    regional = [found for found in summary.measurements if found.region]
    if not regional:
        return []
    model = regional[-1].endpoint_config_name
    return [found for found in regional if found.endpoint_config_name == model]


def _rows(found: Measurement, limit: float | None) -> Iterator[OriginRow]:
    measured = None if found.load is None else found.load.p95_ms
    for origin in found.plan.origins:
        if origin.served_in != found.region:
            continue
        beyond = max(0.0, origin.round_trip_ms - WITHIN_REGION_MS)
        p95 = None if measured is None else _later(measured, beyond)
        yield OriginRow(
            origin=origin.origin,
            requests_per_second=figure(origin.requests_per_second, 3),
            region=found.region,
            network=f"{origin.round_trip_ms:.0f}",
            p95=latency(p95),
            forecast=f"{origin.p95_latency_ms:.0f}",
            verdict=_verdict(p95, limit),
        )


def _later(found: Percentile, milliseconds: float) -> Percentile:
    moved = {name: getattr(found, name) + milliseconds for name in ("value", "lo", "hi")}
    return found.model_copy(update=moved)


def _verdict(p95: Percentile | None, limit: float | None) -> str:
    """As the gate has it: a latency counts as measured, whatever its interval."""
    if p95 is None or limit is None:
        return ""
    return "missed" if p95.value > limit else "held"
