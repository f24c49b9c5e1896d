"""Which runs may work: so many of the stack and of a spec at once, in order of arrival.

A run takes a place before it does anything that costs, or waits with a task token. Its end hands
the place on: whoever changes the queue gives free places and answers the tokens. The sweeper frees
the places of runs that ended without that, and wakes who was not told.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws import executions, run_queue, runs_table
from lambdas.aws.clients import may_pass
from lambdas.aws.settings import settings
from lambdas.step import logger
from stratos.contracts.run import RunRef, RunRow
from stratos.contracts.run_queue import Caps, QueuedRun, RunQueue
from stratos.errors import QueueBusy
from stratos.moment import now
from stratos.waiting import within

_ENTER_SECONDS = 20
"""To change the queue; the function has 60 in all, and the state asks again."""
_HAND_ON_SECONDS = 10
"""Of a function that reports a run, which is never to run out of time for the sake of others."""
_SWEEP_SECONDS = 60


def enter(run: RunRef, spec_name: str, token: str) -> RunQueue:
    """Put a run into the queue. Its token is answered as soon as it has a place.

    Raises:
        QueueBusy: the queue cannot be changed, or the run not be woken, for now.
        QueueFull: the queue can hold no more runs.
    """
    queued = QueuedRun(
        run_id=run.run_id, spec_name=spec_name, arrived_at=run.started_at, entered_at=now()
    )
    deadline = within(_ENTER_SECONDS)
    try:
        # First the token: whoever gives the run its place must find it.
        runs_table.update(run.run_id, place_token=token)
        queue, _ = _changed(deadline, entering=queued)
    except (BotoCoreError, ClientError) as error:
        if not may_pass(error):
            raise
        raise QueueBusy(f"the run could not ask for its place: {error}") from error
    return queue


def hand_on(run_id: str) -> None:
    """Take a run that has ended out of the queue, and wake who comes next.

    It never fails: the outcome of a run does not hang on others. The sweeper makes up for it.
    """
    try:
        _changed(within(_HAND_ON_SECONDS), gone=(run_id,))
    except (BotoCoreError, ClientError, QueueBusy):
        logger.exception("a place was not handed on", extra={"run_id": run_id})


def waiting() -> frozenset[str]:
    """Runs that have no place yet. The token in a row may outlast the wait; the queue says it."""
    return frozenset(run.run_id for run in run_queue.read().runs if not run.has_place)


def sweep() -> list[str]:
    """Free the places of runs whose executions are over, and give free places.

    That is needed if the end of a run could not do it, or if the caps were raised.

    Returns:
        What failed, in a line.
    """
    try:
        failed = _sweep()
    except (BotoCoreError, ClientError, QueueBusy) as error:
        failed = [str(error)]
    told = "; ".join(failed)
    return [f"the places of runs could not be looked after: {told}"] if failed else []


def _sweep() -> list[str]:
    queue = run_queue.read()
    over, failed = [], []
    for queued in queue.runs:
        try:
            if _is_over(queued.run_id):
                over.append(queued.run_id)
        except (BotoCoreError, ClientError) as error:
            failed.append(f"{queued.run_id}: {error}")
    if over:
        logger.warning("places of runs that are over", extra={"run_ids": over})
    if queue.runs:
        _, unwoken = _changed(within(_SWEEP_SECONDS), gone=tuple(over))
        failed += unwoken
    return failed


def _is_over(run_id: str) -> bool:
    row = runs_table.find(run_id)
    return row is None or row.finished or not executions.is_running(row.execution_arn)


@dataclass(frozen=True)
class _Tended:
    """What there was to see of the runs with a place."""

    ended: list[str] = field(default_factory=list)
    awaited: dict[str, bool] = field(default_factory=dict)
    """Whether a run awaits approval."""
    unwoken: list[str] = field(default_factory=list)
    """Who could not be looked at or woken, and why; they count as at work."""


def _changed(
    deadline: float, *, entering: QueuedRun | None = None, gone: tuple[str, ...] = ()
) -> tuple[RunQueue, list[str]]:
    """Change the queue, give its free places, and wake who has got one.

    Args:
        deadline: After it nobody but the newcomer is woken any more; the next change does it.

    Returns:
        The queue, and the runs that could not be looked at or woken, each with the reason.
    """
    caps = Caps(
        per_stack=settings().max_concurrent_runs,
        per_spec=settings().max_concurrent_runs_per_spec,
    )

    def changed(queue: RunQueue) -> RunQueue:
        after = queue.without(*gone)
        if entering is not None:
            after = after.with_run(entering)
        return after.with_approvals(awaited).with_places_given(caps)

    awaited: dict[str, bool] = {}
    newcomer = "" if entering is None else entering.run_id
    while True:
        queue = run_queue.change(changed, deadline)
        seen = _tended(queue, newcomer, deadline)
        if not seen.ended and queue.with_approvals(seen.awaited) == queue:
            return queue, seen.unwoken
        gone, awaited = tuple(seen.ended), seen.awaited
        entering = None  # it is in the queue, or has ended meanwhile


def _tended(queue: RunQueue, newcomer: str, deadline: float) -> _Tended:
    """Look at those with a place, and wake who still waits.

    What goes wrong for one is borne by no other, and tried at the next change.
    """
    seen = _Tended()
    working = [run for run in queue.runs if run.has_place]
    for queued in sorted(working, key=lambda run: run.run_id != newcomer):
        mine = queued.run_id == newcomer
        if not mine and time.monotonic() > deadline:
            seen.unwoken.append(f"{queued.run_id}: no time was left for it")
            continue
        try:
            row = _woken(queued, at_once=mine)
        except (BotoCoreError, ClientError) as error:
            if mine:
                raise
            logger.exception("a run was not woken", extra={"woken_run_id": queued.run_id})
            seen.unwoken.append(f"{queued.run_id}: {error}")
        else:
            if row is None:
                seen.ended.append(queued.run_id)
            else:
                seen.awaited[queued.run_id] = row.awaits_approval
    return seen


def _woken(queued: QueuedRun, at_once: bool) -> RunRow | None:
    """The row of a run with a place, which is woken if it still waits; None if it has ended.

    Args:
        at_once: It got its place when it asked.
    """
    row = runs_table.find(queued.run_id)
    if row is None or row.finished:
        return None
    if row.place_token is not None:
        waited = 0.0 if at_once else (now() - queued.entered_at).total_seconds()
        _wake(row, row.place_token, round(max(0.0, waited), 1))
    return row


def _wake(row: RunRow, token: str, waited_seconds: float) -> None:
    """Answer a run's token with the run itself, which knows how long it waited."""
    run = row.ref.model_copy(update={"waited_seconds": waited_seconds})
    # Before the answer, after which the run may end at once.
    runs_table.update(run.run_id, waited_seconds=run.waited_seconds)
    executions.answer(token, run.model_dump_json())
    runs_table.forget_place_token(run.run_id, token)
