"""MeasureEndpoint: the endpoint in service, under the load that the spec declares."""

from __future__ import annotations

from lambdas.chat import Chat, queue_before
from lambdas.handler import step
from lambdas.storage import Bucket
from stratos.artifacts import RunKeys
from stratos.errors import LatencyGateError
from stratos.gates import judge_load
from stratos.load import LoadTest, MonotonicClock
from stratos.pace import measure_pace
from stratos.records import Record
from stratos.spec import Spec
from stratos.steps import Measured, MeasureInput

_MAX_QUESTIONS = 2_000


@step
def handler(payload: MeasureInput) -> Measured:
    """Ask held-out questions at the declared rate; refuse an endpoint that misses its gate."""
    bucket, keys = Bucket(payload.run.bucket), RunKeys(payload.run.run_id)
    spec = bucket.read_model(keys.spec, Spec)
    questions = bucket.read_rows(keys.dataset + "heldout.jsonl", Record, _MAX_QUESTIONS)
    deployment = payload.deployment
    queued = deployment.hosting.mode == "async"
    chat = Chat(
        endpoint_name=deployment.endpoint_name,
        model_name=spec.name,
        task=spec.task,
        max_tokens=spec.task.max_reply_tokens,
        queue=queue_before(deployment.endpoint_name, payload.run.bucket, spec.name)
        if queued
        else None,
    )
    pace = None if queued else measure_pace(chat.ask, questions, MonotonicClock())
    load = LoadTest(
        ask=chat.ask,
        questions=questions,
        requests_per_second=spec.load.requests_per_second,
        seconds=spec.load.measure_seconds,
        seed=spec.training.seed,
        clock=MonotonicClock(),
    ).run()
    load = load.model_copy(update={"pace": pace})
    bucket.put_model(keys.load, load)
    verdict = judge_load(load, spec.constraints)
    if not verdict.passed:
        raise LatencyGateError(verdict.reason)
    return Measured(load=load)
