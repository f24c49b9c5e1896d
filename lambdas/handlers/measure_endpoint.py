"""MeasureEndpoint: the endpoint in service, under the load that the spec declares."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lambdas.aws import endpoint_logs
from lambdas.aws.chat import QUEUE_SECONDS, Chat, connection_to
from lambdas.aws.run_files import RunFiles
from lambdas.serving.after_measuring import what_follows
from lambdas.serving.deployments import on_what_serves, plan_in_service
from lambdas.step import step
from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import LoadResult, Measurement, Measurements
from stratos.contracts.records import Record
from stratos.contracts.run import RunRef
from stratos.hosting.deployment import AnyEndpoint, BatchDeployment, EndpointDeployment
from stratos.hosting.modes.table import mode_named
from stratos.hosting.pools import without_capacity
from stratos.measuring.answers import JudgedAnswers
from stratos.measuring.gates import (
    FAILED_REQUESTS,
    judge_answers,
    judge_load,
    least_requests,
    usd_per_1000_requests,
)
from stratos.measuring.load import (
    FEWEST_FAILURES,
    MAX_IN_FLIGHT,
    Clock,
    LoadTest,
    MonotonicClock,
)
from stratos.measuring.pace import Alone, measure_pace
from stratos.measuring.warm_up import WarmUp, warm_up
from stratos.moment import now
from stratos.pipeline.bill import usd_per_hour_of_load
from stratos.pipeline.steps import Measured, MeasureInput
from stratos.spec import Spec
from stratos.spec.constraints import LONGEST_MEASURE_SECONDS

_AT_ONCE = 8
"""Requests under way together where only the answers count, not how fast they come."""
_QUOTED_LINES = 3
"""Of the engine's log, in the reason; the record has more."""
_LEAST_SECONDS = 60.0
"""The declared load lasts so long at least, even where an endpoint that hangs took the time."""


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
    load, answering_seconds = _load(run, spec, deployment, ask_all=ask_all)
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


def _load(
    run: RunRef, spec: Spec, deployment: AnyEndpoint, *, ask_all: bool
) -> tuple[LoadResult, float]:
    """The endpoint's pace with one request at a time, then the declared load.

    A serverless endpoint is warmed up first: it starts a container for each request at once.

    Args:
        ask_all: Also ask the questions that the load has left out, as far as time allows.

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
    waking, alone = _woken(deployment, chat, questions, clock)
    alone_seconds = clock.now() - started - waking.lasted
    # A request that leaves last may wait in the queue before it is answered.
    queued = 0.0 if mode.in_call else QUEUE_SECONDS
    taken = queued or clock.now() - started
    left = max(_LEAST_SECONDS, LONGEST_MEASURE_SECONDS - taken)
    answers = JudgedAnswers(chat.ask)
    load = LoadTest(
        ask=answers.ask,
        questions=questions,
        requests_per_second=spec.load.requests_per_second,
        seconds=min(spec.load.measure_seconds, left),
        longest_seconds=left,
        least_requests=least_requests(spec.constraints),
        fewest_failures=1 if alone.failed else FEWEST_FAILURES,
        seed=spec.training.seed,
        clock=clock,
    ).run()
    seconds = waking.seconds + alone_seconds
    seconds += load.warm_up_answering_seconds + load.answering_seconds
    if ask_all and not load.stopped:
        until = started + LONGEST_MEASURE_SECONDS - queued
        seconds += answers.ask_the_rest(questions, _AT_ONCE, until, clock)
    return load.model_copy(update={"pace": alone.pace, "accuracy": answers.accuracy}), seconds


def _woken(
    deployment: AnyEndpoint, chat: Chat, questions: Sequence[Record], clock: Clock
) -> tuple[WarmUp, Alone]:
    """What the endpoint did before the load; one that never answered has no pace to measure."""
    waking = WarmUp()
    if deployment.hosting.max_concurrency is not None:
        at_once = min(deployment.hosting.max_concurrency, MAX_IN_FLIGHT)
        waking = warm_up(chat.ask, questions, at_once, clock)
    if not waking.answered:
        return waking, Alone(failed=True)
    if not mode_named(deployment.hosting.mode).in_call:
        return waking, Alone()
    return waking, measure_pace(chat.ask, questions, clock)
