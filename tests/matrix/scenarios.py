"""Small specs that between them come by most states."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.integration.pipeline.regions import AWAY, HOME
from tests.matrix.orders import BROKEN, WORKER, Order, copied
from tests.matrix.scenario import Scenario

_THREE_SERVERS = {"max_training_hours": 0.2, "servers_per_step": 3}
_RARE = {
    "requests_per_second": 2,
    "mean_requests_per_second": 0.01,
    "active_hours_per_day": 2,
    "measure_seconds": 2,
}

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
        {"constraints": _THREE_SERVERS},
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
    **more: Any,
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
        "ReportRejected",
        {"ParseConstraints": _REJECTED},
    ),
    _led(_BATCH, "no_place", "no place comes free", "PlaceTimedOut", {"AwaitPlace": _LATE}),
    _led(
        _BATCH,
        "unchanged",
        "the spec of the run before",
        "ReportUnchanged",
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
_MISSED = {"measured__passed": False, "measured__deployment": None, "measured__next_attempt": None}
_ANOTHER = {
    "measured__deployment": copied("$.quality.deployment", "-a0", "-a0-s1"),
    "measured__deployment__replaces_live": True,
}
_POOL_MODEL = {
    "model_name": copied("$.quality.deployment.model_name", "-a0", "-a0-p1"),
    "container": copied("$.quality.deployment.container"),
}
_MORE_LED = (
    _led(
        _BATCH,
        "next_student",
        "the first of two students is not good enough",
        "NextAttempt",
        _found("IsGoodEnough", quality__passed=False, quality__next_attempt=1),
        two_students=True,
    ),
    _led(
        _ENDPOINT,
        "next_student_served",
        "the first of two students does not hold the load",
        "TakeEndpointBack NextStudent",
        _found("IsFastEnough", **_MISSED | {"measured__next_attempt": 1}),
        two_students=True,
    ),
    _led(
        _ENDPOINT,
        "next_server",
        "the first server does not hold the load",
        "NextServer",
        _found("IsFastEnough", **_MISSED | _ANOTHER),
    ),
    _led(
        _ENDPOINT,
        "pools",
        "an endpoint that may get other instances, with a model of their own",
        "CreatePoolModel",
        _found("IsAsynchronous", quality__deployment__more_models=[_POOL_MODEL]),
    ),
)
_TO_BOTH = {
    "load": {"origins": {HOME: 2, AWAY: 2}, "measure_seconds": 2},
    "preferences": {"accuracy": 0, "time": 0.1, "cost": 0, "latency": 1},
}
_ELSEWHERE = Scenario(
    "elsewhere",
    "a model made in a worker region, and served there and at home",
    _TO_BOTH,
    abroad=True,
    measured_at=None,
)
_LARGE_ELSEWHERE = replace(
    _ELSEWHERE,
    changes={**_TO_BOTH, "constraints": _THREE_SERVERS},
    large=True,
)
_ABROAD = (
    _ELSEWHERE,
    _led(
        _LARGE_ELSEWHERE,
        "large_elsewhere",
        "the same of a dataset that a job reads, by three servers a step",
        " ".join(
            f"Is{step}Elsewhere {step}Elsewhere"
            for step in ("InspectLarge", "SynthesizeShard", "EvaluateShard")
        ),
    ),
    _led(
        _ELSEWHERE,
        "drained",
        "the same, in place of another",
        "DrainFormer RetireFormer",
        follows=True,
    ),
    _led(
        _ELSEWHERE,
        "region_missed",
        "a region does not hold its load",
        "RegionMissed",
        _found("IsEveryRegionGood", **_MISSED),
    ),
    _led(
        _ELSEWHERE,
        "next_student_elsewhere",
        "the first of two students does not hold the load of every region",
        "TakeRegionsBack NextStudentForRegions",
        _found("IsEveryRegionGood", **_MISSED | {"measured__next_attempt": 1}),
        two_students=True,
    ),
    _led(
        _ELSEWHERE,
        "refused_elsewhere",
        "a worker region cannot begin a job",
        f"{WORKER}GiveUp",
        {f"{WORKER}CreateJob": BROKEN},
    ),
    _led(
        _ELSEWHERE,
        "not_staged_elsewhere",
        "a worker region cannot make an endpoint",
        f"{WORKER}GiveUpEndpoint",
        {f"{WORKER}StageConfig": _REFUSED},
    ),
)
SCENARIOS = (*_GOOD, *_LED, *_MORE_LED, *_ABROAD)
"""Those of a cloud of one region first."""
