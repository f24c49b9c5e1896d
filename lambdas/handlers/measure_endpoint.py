"""MeasureEndpoint: the endpoint in service, under the load that the spec declares."""

from __future__ import annotations

from functools import partial

from lambdas.aws.chat import QUEUE_SECONDS, Chat, connection_to
from lambdas.aws.run_files import RunFiles
from lambdas.serving.after_measuring import what_follows
from lambdas.step import step
from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import LoadResult, Measurement, Measurements
from stratos.contracts.run import RunRef
from stratos.hosting.deployment import AnyEndpoint
from stratos.hosting.modes.table import mode_named
from stratos.measuring.gates import judge_load, least_requests, usd_per_1000_requests
from stratos.measuring.load import MAX_IN_FLIGHT, LoadTest, MonotonicClock
from stratos.measuring.pace import measure_pace
from stratos.measuring.warm_up import warm_up
from stratos.moment import now
from stratos.pipeline.bill import usd_per_hour_of_load
from stratos.pipeline.steps import Measured, MeasureInput
from stratos.spec import Spec
from stratos.spec.constraints import LONGEST_MEASURE_SECONDS

_LEAST_SECONDS = 60.0
"""The declared load lasts so long at least, even where an endpoint that hangs took the time."""


@step
def handler(payload: MeasureInput) -> Measured:
    """Ask held-out questions at the declared rate; after a miss, name what is tried next."""
    run, deployment = payload.run, payload.deployment
    files = RunFiles(run)
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
    load, answering_seconds = _load(run, spec, deployment)
    mode = mode_named(deployment.hosting.mode)
    hourly = usd_per_hour_of_load(deployment, load, spec.load)
    verdict = judge_load(load, spec.constraints, hourly)
    return Measurement(
        plan=before.plan_of(deployment.endpoint_config_name, evidence),
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
        reason=verdict.reason,
    )


def _load(run: RunRef, spec: Spec, deployment: AnyEndpoint) -> tuple[LoadResult, float]:
    """The endpoint's pace with one request at a time, then the declared load.

    A serverless endpoint is warmed up first: it starts a container for each request at once.

    Returns:
        What was measured, and the seconds of answering that it took in all.
    """
    questions = RunFiles(run).questions()
    mode = mode_named(deployment.hosting.mode)
    chat = Chat(
        ask_endpoint=partial(mode.ask, connection_to(deployment, run.bucket, spec.name)),
        model_name=spec.name,
        task=spec.task,
        max_tokens=spec.task.max_reply_tokens,
    )
    clock = MonotonicClock()
    started = clock.now()
    waking_seconds = 0.0
    if deployment.hosting.max_concurrency is not None:
        at_once = min(deployment.hosting.max_concurrency, MAX_IN_FLIGHT)
        waking_seconds = warm_up(chat.ask, questions, at_once, clock)
    awake = clock.now()
    pace = measure_pace(chat.ask, questions, clock) if mode.in_call else None
    alone_seconds = clock.now() - awake
    taken = clock.now() - started if mode.in_call else QUEUE_SECONDS
    left = max(_LEAST_SECONDS, LONGEST_MEASURE_SECONDS - taken)
    load = LoadTest(
        ask=chat.ask,
        questions=questions,
        requests_per_second=spec.load.requests_per_second,
        seconds=min(spec.load.measure_seconds, left),
        longest_seconds=left,
        least_requests=least_requests(spec.constraints),
        seed=spec.training.seed,
        clock=clock,
    ).run()
    answering = load.warm_up_answering_seconds + load.answering_seconds
    return load.model_copy(update={"pace": pace}), waking_seconds + alone_seconds + answering
