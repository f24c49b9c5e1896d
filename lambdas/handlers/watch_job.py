"""WatchJob: in a worker region, a look at its job; home learns how it stands."""

from __future__ import annotations

import time

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws.clients import is_unreachable
from lambdas.aws.sagemaker import describe_job, stop_job
from lambdas.aws.worker_settings import worker_settings
from lambdas.regions.answers import heartbeat
from lambdas.regions.outputs import bring_checkpoints, bring_progress
from lambdas.regions.records_at_home import keep_job
from lambdas.step import logger, step
from stratos.errors import CopyUnfinished, HomeUnreachable, NoLongerAwaited
from stratos.pipeline.worker_jobs import SILENCE_SECONDS, Watched, WatchInput

_ENDED = ("Completed", "Failed", "Stopped")
_LOOKS = 3
"""That find no job before it is lost: one just made is not described until its tags count."""
_SELDOM = 5
"""Times as long between two looks, once home has been silent for long."""


@step
def handler(payload: WatchInput) -> Watched:
    """Look at the job, and tell home; stop the job if home waits for it no more."""
    worker = payload.worker
    job = describe_job(worker.job.name)
    if job is None:
        unseen = (payload.unseen or 0) + 1
        watched = _watched(payload, over=unseen >= _LOOKS, silent_since=payload.silent_since)
        return watched.model_copy(update={"unseen": unseen})
    if job["TrainingJobStatus"] in _ENDED:
        return _watched(payload, over=True, silent_since=payload.silent_since)
    try:
        heartbeat(worker.home)
        keep_job(worker, job)
        bring_progress(worker)
        copied_at = _copied_at(payload)
    except NoLongerAwaited as error:
        logger.warning("stopping", extra={"job": worker.job.name, "reason": str(error)})
        stop_job(worker.job.name)
        return _watched(payload, over=False, silent_since=None)
    except (BotoCoreError, ClientError, HomeUnreachable) as error:
        if not (isinstance(error, HomeUnreachable) or is_unreachable(error)):
            raise
        since = payload.silent_since or time.time()
        logger.warning("home is silent", extra={"since": since, "reason": str(error)})
        return _watched(payload, over=False, silent_since=since)
    return _watched(payload, over=False, silent_since=None, copied_at=copied_at)


def _copied_at(payload: WatchInput) -> float | None:
    """Copy checkpoints home if it is time. Returns when that was done last."""
    before = payload.checkpoints_copied_at
    moment = time.time()
    if before is not None and moment - before < worker_settings().checkpoint_copy_seconds:
        return before
    try:
        bring_checkpoints(payload.worker)
    except CopyUnfinished:
        return before  # the next look goes on with it
    return moment


def _watched(
    payload: WatchInput, *, over: bool, silent_since: float | None, copied_at: float | None = None
) -> Watched:
    wait = worker_settings().watch_seconds
    if silent_since is not None and time.time() - silent_since > SILENCE_SECONDS:
        wait *= _SELDOM
    return Watched(
        over=over,
        wait_seconds=wait,
        silent_since=silent_since,
        checkpoints_copied_at=payload.checkpoints_copied_at if copied_at is None else copied_at,
    )
