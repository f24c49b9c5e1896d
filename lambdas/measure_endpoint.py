"""MeasureEndpoint: the endpoint in service, under the load that the spec declares."""

from __future__ import annotations

from datetime import UTC, datetime

from lambdas import runs_table
from lambdas.chat import QUEUE_SECONDS, Chat, component_of, queue_before
from lambdas.handler import step
from lambdas.next_plan import after_missed_load
from lambdas.spending import outlay_of
from lambdas.storage import Bucket
from stratos.artifacts import RunKeys
from stratos.errors import GateError
from stratos.gates import judge_load, judge_outlay, least_requests
from stratos.hosting import usd_per_busy_hour
from stratos.jobs import LoadResult
from stratos.load import LONGEST_SECONDS, LoadTest, MonotonicClock
from stratos.match_evidence import MatchEvidence
from stratos.measurement import Measurement, Measurements, usd_per_1000_requests
from stratos.pace import measure_pace
from stratos.records import Record
from stratos.spec import Spec
from stratos.steps import Deployment, Measured, MeasureInput, RunRef

_MAX_QUESTIONS = 2_000
_LEAST_SECONDS = 60.0
"""Of the declared load, however long an endpoint that hangs took to measure its pace."""


@step
def handler(payload: MeasureInput) -> Measured:
    """Ask held-out questions at the declared rate; after a miss, say what is tried next."""
    run, deployment = payload.run, payload.deployment
    bucket, keys = Bucket(run.bucket), RunKeys(run.run_id)
    spec = bucket.read_model(keys.spec, Spec)
    evidence = bucket.read_model(keys.match, MatchEvidence)
    before = bucket.find_model(keys.measurements, Measurements) or Measurements()
    measurement = _measure(run, spec, evidence, deployment, before)
    all_measured = before.adding(measurement)
    bucket.put_model(keys.measurements, all_measured)
    if measurement.passed:
        if runs_table.live_config(run) or deployment.previous_config_name:
            _spare_the_live_model(run, spec)
        return Measured(
            passed=True,
            reason=measurement.reason,
            load=measurement.load,
            deployment=None,
            next_attempt=None,
        )
    following = after_missed_load(run, spec, evidence, all_measured.measured, deployment)
    if following.deployment is not None:
        going_on = all_measured.model_copy(update={"next_plan": following.plan})
        bucket.put_model(keys.measurements, going_on)
        bucket.put_model(keys.deployment, following.deployment)
    tried = "; ".join(item.described() for item in all_measured.measured)
    return Measured(
        passed=False,
        reason=f"{tried}; {following.ending}",
        load=measurement.load,
        deployment=following.deployment,
        next_attempt=following.attempt,
    )


def _measure(
    run: RunRef,
    spec: Spec,
    evidence: MatchEvidence,
    deployment: Deployment,
    before: Measurements,
) -> Measurement:
    started_at = _now()
    load = _load(run, spec, deployment)
    hourly = usd_per_busy_hour(deployment.usd_per_hour, spec.load)
    verdict = judge_load(load, spec.constraints, hourly)
    return Measurement(
        plan=before.plan_of(deployment.endpoint_config_name, evidence),
        attempt=evidence.attempt,
        model_name=deployment.model_name,
        endpoint_config_name=deployment.endpoint_config_name,
        started_at=started_at,
        ended_at=_now(),
        load=load,
        usd_per_1000_requests=usd_per_1000_requests(hourly, load.requests_per_second),
        passed=verdict.passed,
        missed=verdict.missed,
        reason=verdict.reason,
    )


def _load(run: RunRef, spec: Spec, deployment: Deployment) -> LoadResult:
    """The endpoint's pace with one request at a time, then the declared load."""
    heldout = RunKeys(run.run_id).dataset + "heldout.jsonl"
    questions = Bucket(run.bucket).read_rows(heldout, Record, _MAX_QUESTIONS)
    queued = deployment.hosting.mode == "async"
    chat = Chat(
        endpoint_name=deployment.endpoint_name,
        model_name=spec.name,
        task=spec.task,
        max_tokens=spec.task.max_reply_tokens,
        queue=queue_before(deployment.endpoint_name, run.bucket, spec.name) if queued else None,
        component=component_of(deployment.endpoint_name) if deployment.component else None,
    )
    clock = MonotonicClock()
    started = clock.now()
    pace = None if queued else measure_pace(chat.ask, questions, clock)
    taken = clock.now() - started + (QUEUE_SECONDS if queued else 0.0)
    left = max(_LEAST_SECONDS, LONGEST_SECONDS - taken)
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
    return load.model_copy(update={"pace": pace})


def _spare_the_live_model(run: RunRef, spec: Spec) -> None:
    """Raise where a model in service would be replaced by a run that missed its own limits."""
    verdict = judge_outlay(outlay_of(run), spec.constraints)
    if not verdict.passed:
        raise GateError(
            f"{verdict.reason}. The model in service stays: it is replaced only by one that holds "
            "every constraint. Allow more, or delete the endpoint first"
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
