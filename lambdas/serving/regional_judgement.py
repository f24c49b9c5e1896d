"""Every endpoint of a fleet judged together, and what follows."""

from __future__ import annotations

from functools import reduce
from operator import and_

from lambdas.aws.run_files import RunFiles
from lambdas.aws.staged_files import StagedFiles
from lambdas.serving.after_measuring import spare_live_model
from lambdas.serving.regional_fallbacks import next_fleet_or_student
from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import Measurement, Measurements
from stratos.contracts.plan import Interval
from stratos.contracts.run import RunRef
from stratos.measuring.gates import FAILED_REQUESTS, Verdict
from stratos.measuring.regional_gate import (
    MeasuredEndpoint,
    cost_of_requests,
    judge_costs,
    judge_endpoint,
)
from stratos.pipeline.region_endpoints import RegionEndpoint, RegionLoad
from stratos.pipeline.steps import Measured
from stratos.spec import Spec

_QUOTED_LINES = 3


def judge_regions(run: RunRef) -> Measured:
    """Hold every endpoint to its gates and all to the money; keep what each measured.

    The last measurement is that of the origin that is served worst.

    Raises:
        GateError: it would replace a model in service, and the run has missed its own limits.
    """
    files = RunFiles(run)
    spec, evidence = files.spec(), files.match()
    staged = StagedFiles.of(run)
    fleet = staged.fleet()
    engine = fleet.endpoints[0].plan.engine  # another than the match's, if its servers failed
    evaluation = files.evaluated(evidence.attempt).served_by(engine)
    loads = {one.region: staged.find_load(fleet.name, one.region) for one in fleet.endpoints}
    found = [(one, load) for one in fleet.endpoints if (load := loads[one.region]) is not None]
    assert len(found) == len(fleet.endpoints), "judged before every region was measured"
    measured = [_measured(one, load) for one, load in found]
    cost = cost_of_requests(measured, spec.load)
    costs = judge_costs(measured, spec.load, spec.constraints)
    own = [judge_endpoint(endpoint, evaluation, spec.constraints) for endpoint in measured]
    verdict = reduce(and_, (*own, costs))
    kept = [
        _kept(one, load, judged & costs, evidence.attempt, cost)
        for (one, load), judged in zip(found, own, strict=True)
    ]
    measurements = files.measurements()
    for measurement in sorted(kept, key=_worst_ms):
        measurements = measurements.adding(measurement)
    files.put_measurements(measurements)
    return _what_follows(run, spec, evidence, verdict, measurements)


def _what_follows(
    run: RunRef,
    spec: Spec,
    evidence: MatchEvidence,
    verdict: Verdict,
    measurements: Measurements,
) -> Measured:
    """Promotion, other servers, the next student, or the end; other servers are written down."""
    last = measurements.measured[-1]
    told = Measured(
        passed=verdict.passed,
        reason=verdict.reason,
        load=last.load,
        batch=None,
        deployment=None,
        next_attempt=None,
    )
    if verdict.passed:
        spare_live_model(run, spec)
        return told
    following = next_fleet_or_student(run, spec, evidence, measurements.measured)
    if following.plan is not None:
        files = RunFiles(run)
        files.put_measurements(measurements.model_copy(update={"next_plan": following.plan}))
    reason = f"{evidence.plan.student}: {verdict.reason}; {following.ending}"
    return told.model_copy(
        update={
            "reason": reason,
            "deployment": following.deployment,
            "next_attempt": following.attempt,
        }
    )


def _measured(one: RegionEndpoint, found: RegionLoad) -> MeasuredEndpoint:
    return MeasuredEndpoint(
        region=one.region,
        load=found.load,
        beyond_ms=one.beyond_ms,
        engine=one.plan.engine,
        usd_per_hour=one.deployment.usd_per_hour,
    )


def _kept(
    one: RegionEndpoint, found: RegionLoad, verdict: Verdict, attempt: int, cost: Interval | None
) -> Measurement:
    lines = found.log_lines if FAILED_REQUESTS in verdict.missed else ()
    quoted = "; the engine's log ends: " + " | ".join(lines[-_QUOTED_LINES:]) if lines else ""
    return Measurement(
        # As the client that measured saw it: its forecast has the network of the farthest origin.
        plan=one.plan.model_copy(update={"beyond_home_ms": one.beyond_ms}),
        attempt=attempt,
        model_name=one.deployment.model_name,
        endpoint_config_name=one.deployment.endpoint_config_name,
        mode=one.deployment.hosting.mode,
        deploying_since=one.deployment.deploying_since,
        started_at=found.started_at,
        ended_at=found.ended_at,
        load=found.load,
        usd_per_1000_requests=cost,
        passed=verdict.passed,
        missed=verdict.missed,
        reason=f"{verdict.reason}{quoted}",
        log_lines=lines,
        region=one.region,
    )


def _worst_ms(measurement: Measurement) -> float:
    load = measurement.load
    if load is None or load.p95_ms is None:
        return float("inf")
    return load.p95_ms.value + measurement.plan.beyond_home_ms
