"""An endpoint under the load that its spec declares: its pace alone, then requests as they come."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from lambdas.aws.chat import QUEUE_SECONDS, Chat, connection_to
from lambdas.aws.run_files import RunFiles
from stratos.contracts.measurements import LoadResult
from stratos.contracts.records import Record
from stratos.contracts.run import RunRef
from stratos.hosting.deployment import AnyEndpoint
from stratos.hosting.modes.table import mode_named
from stratos.measuring.answers import JudgedAnswers
from stratos.measuring.gates import least_requests
from stratos.measuring.load import (
    FEWEST_FAILURES,
    MAX_IN_FLIGHT,
    Clock,
    LoadTest,
    MonotonicClock,
)
from stratos.measuring.pace import Alone, measure_pace
from stratos.measuring.warm_up import WarmUp, warm_up
from stratos.spec import Spec
from stratos.spec.constraints import LONGEST_MEASURE_SECONDS

_AT_ONCE = 8
"""Requests under way together where only the answers count, not how fast they come."""
_LEAST_SECONDS = 60.0
"""The declared load lasts so long at least, even where an endpoint that hangs took the time."""


def load_of(
    run: RunRef, spec: Spec, deployment: AnyEndpoint, *, ask_all: bool
) -> tuple[LoadResult, float]:
    """The endpoint's pace with one request at a time, then the declared load.

    A serverless endpoint is warmed up first: it starts a container for each request at once.

    Args:
        run: Whose held-out questions lie in its bucket.
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
