"""Which runs may work: so many of the stack and of a spec at once, in order of arrival.

A run takes a place before it does anything that costs, or waits with a task token. Its end hands
the place on: whoever changes the queue gives free places and answers the tokens. The sweeper frees
the places of runs that ended without that, and wakes who was not told.
"""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws import executions, run_queue, runs_table
from lambdas.aws.settings import settings
from lambdas.step import logger
from stratos.contracts.run import RunRef, RunRow
from stratos.contracts.run_queue import Caps, QueuedRun, RunQueue
from stratos.moment import now


def enter(run: RunRef, spec_name: str, token: str) -> RunQueue:
    """Put a run into the queue. Its token is answered as soon as it has a place.

    Raises:
        QueueFull: the queue can hold no more runs.
    """
    queued = QueuedRun(
        run_id=run.run_id, spec_name=spec_name, arrived_at=run.started_at, entered_at=now()
    )
    # First the token: whoever gives the run its place must find it.
    runs_table.update(run.run_id, place_token=token)
    return _changed(entering=queued)


def hand_on(run_id: str) -> None:
    """Take a run that has ended out of the queue, and wake who comes next.

    It never fails: the outcome of a run does not hang on others. The sweeper makes up for it.
    """
    try:
        _changed(gone=(run_id,))
    except (BotoCoreError, ClientError):
        logger.exception("a place was not handed on", extra={"run_id": run_id})


def sweep() -> list[str]:
    """Free the places of runs whose executions are over, and give free places.

    That is needed if the end of a run could not do it, or if the caps were raised.

    Returns:
        What failed, in a line.
    """
    try:
        _sweep()
    except (BotoCoreError, ClientError) as error:
        return [f"the places of runs could not be looked after: {error}"]
    return []


def _sweep() -> None:
    queue = run_queue.change(lambda queue: queue)
    over = []
    for queued in queue.runs:
        row = runs_table.find(queued.run_id)
        if row is None or row.finished or not executions.is_running(row.execution_arn):
            over.append(queued.run_id)
    if over:
        logger.warning("places of runs that are over", extra={"run_ids": over})
    if queue.runs:
        _changed(gone=tuple(over))


def _changed(*, entering: QueuedRun | None = None, gone: tuple[str, ...] = ()) -> RunQueue:
    """Change the queue, give its free places, and wake who has got one."""
    caps = Caps(
        per_stack=settings().max_concurrent_runs,
        per_spec=settings().max_concurrent_runs_per_spec,
    )

    def changed(queue: RunQueue) -> RunQueue:
        after = queue.without(*gone)
        if entering is not None:
            after = after.with_run(entering)
        return after.with_places_given(caps)

    newcomer = "" if entering is None else entering.run_id
    while True:
        queue = run_queue.change(changed)
        working = (run for run in queue.runs if run.has_place)
        gone = tuple(run.run_id for run in working if not _at_work(run, run.run_id == newcomer))
        if not gone:
            return queue
        entering = None  # it is in the queue, or has ended meanwhile


def _at_work(queued: QueuedRun, at_once: bool) -> bool:
    """Whether a run with a place has not ended; it is woken if it still waits.

    Args:
        at_once: It got its place when it asked.
    """
    row = runs_table.find(queued.run_id)
    if row is None or row.finished:
        return False
    if row.place_token is not None:
        waited = 0.0 if at_once else (now() - queued.entered_at).total_seconds()
        _wake(row, row.place_token, round(max(0.0, waited), 1))
    return True


def _wake(row: RunRow, token: str, waited_seconds: float) -> None:
    """Answer a run's token with the run itself, which knows how long it waited."""
    run = row.ref.model_copy(update={"waited_seconds": waited_seconds})
    # Before the answer, after which the run may end at once.
    runs_table.update(run.run_id, waited_seconds=run.waited_seconds)
    executions.answer(token, run.model_dump_json())
    runs_table.forget_place_token(run.run_id, token)
