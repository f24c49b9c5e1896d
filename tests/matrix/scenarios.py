"""Small specs that between them come by most states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stratos.cli.approval import approve
from stratos.contracts.run import RunRow
from stratos.errors import NotAwaitingApproval
from tests.integration.pipeline.cloud import Cloud, write_task

_HOURS = {"max_p95_latency_ms": 20_000, "max_training_hours": 0.2}
_RARE = {
    "requests_per_second": 2,
    "mean_requests_per_second": 0.01,
    "active_hours_per_day": 2,
    "measure_seconds": 2,
}
_INSPECTION = "stratos-inspect-dataset"


@dataclass(frozen=True)
class Scenario:
    """A spec, and what its runs need of the cloud."""

    name: str
    told: str
    """In words, for the page."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the spec that differ from the example's."""
    large: bool = False
    """Whether its dataset is more than the function reads, so that a job does."""
    approve: bool = False
    """Whether somebody must say yes."""
    measured_at: str | None = "MeasureEndpoint"
    """The state at which its endpoint is there and not yet in service; None where it has none."""

    def write(self, folder: Path, name: str, number: int) -> Path:
        """The spec and its files; another number makes another spec of the same name."""
        changes = {**self.changes, "description": f"run {number}"}
        return write_task(folder, name, 120, **changes)

    def say_yes(self, cloud: Cloud, row: RunRow) -> None:
        """Approve a run that waits for it; it may have been ended at the same moment."""
        with suppress(NotAwaitingApproval):
            approve(cloud.stack, row, "")

    @contextmanager
    def around(self, cloud: Cloud) -> Iterator[None]:
        """The cloud as the runs need it."""
        if not self.large:
            yield
            return
        functions = cloud.client("lambda")
        found = functions.get_function_configuration(FunctionName=_INSPECTION)
        before = found["Environment"]["Variables"]
        small = before | {"LARGE_DATASET_BYTES": "10"}
        functions.update_function_configuration(
            FunctionName=_INSPECTION, Environment={"Variables": small}
        )
        try:
            yield
        finally:
            cloud.client("lambda").update_function_configuration(
                FunctionName=_INSPECTION, Environment={"Variables": before}
            )


SCENARIOS = (
    Scenario("endpoint", "an endpoint, which the next run replaces"),
    Scenario(
        "approved", "an endpoint after a person's yes", {"approval": "required"}, approve=True
    ),
    Scenario(
        "batch",
        "a model that answers files",
        {
            "constraints": {"max_usd_per_1000_requests": 10, "max_training_hours": 0.2},
            "hosting": {"mode": "batch"},
        },
        measured_at=None,
    ),
    Scenario(
        "large",
        "a dataset that a job reads, and three servers a step",
        {"constraints": {**_HOURS, "servers_per_step": 3}},
        large=True,
    ),
    Scenario("component", "an endpoint that goes to sleep", {"hosting": {"mode": "scale_to_zero"}}),
    Scenario(
        "serverless",
        "an endpoint without servers",
        {"hosting": {"mode": "serverless", "max_cold_start_seconds": 60}, "load": _RARE},
    ),
    Scenario(
        "async",
        "an endpoint that takes requests from a queue",
        {"hosting": {"mode": "async", "max_cold_start_seconds": 60}, "load": _RARE},
    ),
)
