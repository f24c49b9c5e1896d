"""MeasureEndpoint: the endpoint in service, under the load that the spec declares."""

from __future__ import annotations

from lambdas.aws import endpoint_logs
from lambdas.aws.run_files import RunFiles
from lambdas.serving.after_measuring import what_follows
from lambdas.serving.deployments import on_what_serves, plan_in_service
from lambdas.serving.under_load import load_of
from lambdas.step import step
from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import Measurement, Measurements
from stratos.contracts.run import RunRef
from stratos.hosting.deployment import AnyEndpoint, BatchDeployment, EndpointDeployment
from stratos.hosting.modes.table import mode_named
from stratos.hosting.pools import without_capacity
from stratos.measuring.gates import (
    FAILED_REQUESTS,
    judge_answers,
    judge_load,
    usd_per_1000_requests,
)
from stratos.moment import now
from stratos.pipeline.bill import usd_per_hour_of_load
from stratos.pipeline.steps import Measured, MeasureInput
from stratos.spec import Spec

_QUOTED_LINES = 3
"""Of the engine's log, in the reason; the record has more."""


@step
def handler(payload: MeasureInput) -> Measured:
    """Ask held-out questions at the declared rate; after a miss, name what is tried next."""
    run, files = payload.run, RunFiles(payload.run)
    deployment = on_what_serves(payload.deployment)
    assert not isinstance(deployment, BatchDeployment)
    if deployment != payload.deployment:
        files.put_deployment(deployment)
    spec, evidence, before = files.spec(), files.match(), files.measurements()
    measurement = _measure(run, spec, evidence, deployment, before)
    all_measured = before.adding(measurement)
    files.put_measurements(all_measured)
    return what_follows(run, spec, evidence, all_measured, deployment)


def _measure(
    run: RunRef,
    spec: Spec,
    evidence: MatchEvidence,
    deployment: AnyEndpoint,
    before: Measurements,
) -> Measurement:
    started_at = now()
    plan = before.plan_of(deployment.endpoint_config_name, evidence)
    plan = plan_in_service(deployment, plan, evidence)
    evaluation = RunFiles(run).evaluated(evidence.attempt).served_by(plan.engine)
    # Evaluated through another engine: every answer counts that can be had.
    ask_all = plan.engine is not None and not evaluation.came_through(plan.engine)
    load, answering_seconds = load_of(run, spec, deployment, ask_all=ask_all)
    mode = mode_named(deployment.hosting.mode)
    hourly = usd_per_hour_of_load(deployment, load, spec.load)
    verdict = judge_load(load, spec.constraints, hourly, beyond_ms=plan.beyond_home_ms)
    if plan.engine is not None and not load.stopped:
        verdict &= judge_answers(load.accuracy, evaluation, plan.engine, spec.constraints)
    lines: tuple[str, ...] = ()
    if FAILED_REQUESTS in verdict.missed:
        lines = endpoint_logs.last_lines(deployment, deployment.deploying_since or started_at)
    return Measurement(
        plan=plan,
        attempt=evidence.attempt,
        model_name=deployment.model_name,
        endpoint_config_name=deployment.endpoint_config_name,
        mode=deployment.hosting.mode,
        deploying_since=deployment.deploying_since,
        started_at=started_at,
        ended_at=now(),
        load=load,
        answering_usd=mode.answering_usd(deployment.hosting, answering_seconds),
        usd_per_1000_requests=usd_per_1000_requests(hourly, load.requests_per_second),
        passed=verdict.passed,
        missed=verdict.missed,
        reason=f"{verdict.reason}{_quoted(lines)}",
        log_lines=lines,
        **_pools_of(deployment),
    )


def _pools_of(deployment: AnyEndpoint) -> dict[str, tuple[str, ...]]:
    """What is kept of the pools of an endpoint: their models, and those without instances."""
    if not isinstance(deployment, EndpointDeployment):
        return {}
    return {
        "more_model_names": tuple(model.model_name for model in deployment.more_models),
        "without_capacity": without_capacity(deployment),
    }


def _quoted(lines: tuple[str, ...]) -> str:
    """The end of an engine's log, in the words of a verdict."""
    if not lines:
        return ""
    return "; the engine's log ends: " + " | ".join(lines[-_QUOTED_LINES:])
