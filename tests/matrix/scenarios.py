"""Small specs that between them come by most states."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from stratos.cli.approval import approve
from stratos.contracts.run import RunRow
from stratos.errors import NotAwaitingApproval
from tests.integration.pipeline.cloud import Cloud, write_task
from tests.matrix.orders import Order

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
    leads: Mapping[str, Order] = field(default_factory=dict)
    """State → what befalls a run there, so that it comes by other states than a good one does."""
    comes_by: tuple[str, ...] = ()
    """Those states, which alone are struck; empty for all."""
    same: bool = False
    """Whether a run has the very spec of the one before it."""
    follows: bool = False
    """Whether its runs come by those states only once one has gone well."""
    chooses_otherwise: bool = False
    """Whether what leads its runs lets them choose other models, so that all their jobs run."""

    def strikes(self, state: str) -> bool:
        """Whether a state may be struck in its runs, if they come by it."""
        return state not in self.leads and (not self.comes_by or state in self.comes_by)

    def write(self, folder: Path, name: str, number: int) -> Path:
        """The spec and its files; another number makes another spec of the same name."""
        changes = {**self.changes, "description": f"run {0 if self.same else number}"}
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


_GOOD = (
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
_ENDPOINT, _APPROVED, _BATCH, _LARGE, _COMPONENT, *_ = _GOOD
_CRASH = Order("fail", "States.TaskFailed", "InternalServerError: try again")
_REFUSED = Order("fail", "SageMaker.SageMakerException", "refused")
_LATE = Order("fail", "States.Timeout")
_WRONG = {"errorType": "SpecRejected", "errorMessage": "constraints.min_accuracy: found 2"}
_REJECTED = Order("fail", "SpecRejected", json.dumps(_WRONG))
_STEPS = ("Probe", "Synthesize", "Distill", "Evaluate")
_SHARDS = ("SynthesizeShard", "EvaluateShard")


def _led(
    base: Scenario,
    name: str,
    told: str,
    comes_by: str,
    leads: Mapping[str, Order] | None = None,
    **more: bool,
) -> Scenario:
    """A scenario whose runs come by other states, named with blanks between."""
    states = tuple(comes_by.split())
    return replace(base, name=name, told=told, comes_by=states, leads=leads or {}, **more)


def _retried(*steps: str) -> str:
    return " ".join(f"Diagnose{step} ShouldRetry{step} Retry{step}" for step in steps)


def _found(state: str, **found: Any) -> dict[str, Order]:
    """What a Choice finds, by path with underscores for dots."""
    data = {f"$.{path.replace('__', '.')}": one for path, one in found.items()}
    return {state: Order("find", data=data)}


_LED = (
    _led(
        _BATCH,
        "rejected",
        "a spec that is found wrong late",
        "ReportRejected Rejected",
        {"ParseConstraints": _REJECTED},
    ),
    _led(_BATCH, "no_place", "no place comes free", "PlaceTimedOut", {"AwaitPlace": _LATE}),
    _led(
        _BATCH,
        "unchanged",
        "the spec of the run before",
        "ReportUnchanged Unchanged",
        same=True,
        follows=True,
    ),
    _led(
        _LARGE,
        "inspection_refused",
        "the job that reads a large dataset is refused",
        "DiagnoseInspectLarge ShouldRetryInspectLarge InspectLargeFailed",
        {"InspectLarge": _REFUSED},
    ),
    _led(
        _BATCH,
        "probe_refused",
        "a probe is refused",
        "ProbeFailed DropCandidate",
        {"Probe": _REFUSED},
        chooses_otherwise=True,
    ),
    _led(
        _BATCH,
        "retried",
        "every job crashes once",
        _retried(*_STEPS),
        dict.fromkeys(_STEPS, _CRASH),
    ),
    _led(
        _LARGE,
        "shards_retried",
        "every shard's job crashes once, and the one that reads the dataset",
        _retried("InspectLarge", *_SHARDS),
        dict.fromkeys(("InspectLarge", *_SHARDS), _CRASH),
    ),
    *(
        _led(_BATCH, name, f"the {told} is refused", f"{step}Failed", {step: _REFUSED})
        for name, told, step in (
            ("synthesis_refused", "synthesis", "Synthesize"),
            ("training_refused", "training", "Distill"),
            ("evaluation_refused", "evaluation", "Evaluate"),
        )
    ),
    _led(
        _LARGE,
        "shards_refused",
        "a shard of each step is refused",
        "SynthesizeShardFailed DropSynthesizeShard EvaluateShardFailed DropEvaluateShard",
        dict.fromkeys(_SHARDS, _REFUSED),
    ),
    _led(
        _BATCH,
        "not_good_enough",
        "the student is not good enough",
        "QualityMissed",
        _found("IsGoodEnough", quality__passed=False, quality__next_attempt=None),
    ),
    _led(_APPROVED, "no_answer", "nobody says yes", "ApprovalTimedOut", {"AwaitApproval": _LATE}),
    _led(
        _BATCH,
        "too_slow",
        "the load is not held",
        "LoadMissed",
        _found(
            "IsFastEnough",
            measured__passed=False,
            measured__deployment=None,
            measured__next_attempt=None,
        ),
    ),
    _led(
        _ENDPOINT,
        "never_ready",
        "the endpoint is never ready",
        "EndpointNeverReady",
        _found(
            "IsEndpointServing", endpoint__EndpointStatus="Updating", endpoint_wait__seconds=999
        ),
    ),
    _led(
        _ENDPOINT,
        "rolled_back",
        "the endpoint is rolled back",
        "RolledBack",
        _found("IsEndpointServing", endpoint__EndpointStatus="OutOfService"),
    ),
    _led(
        _ENDPOINT,
        "endpoint_failed",
        "the endpoint fails",
        "EndpointFailed",
        _found(
            "IsEndpointServing",
            endpoint__EndpointStatus="Failed",
            endpoint__FailureReason="no capacity",
        ),
    ),
    _led(
        _ENDPOINT,
        "unguarded",
        "an update without alarms",
        "UpdateUnguarded",
        _found("IsGuarded", quality__deployment__guardrails=None),
        follows=True,
    ),
)
SCENARIOS = (*_GOOD, *_LED)
