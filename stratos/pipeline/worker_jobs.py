"""What the home region and a worker region say to each other about one job.

A job of another region runs in that region's own state machine, whose execution is named as the
job. The home execution waits on a task token meanwhile. URIs and ARNs are written for home, and
FetchInputs turns them into the worker's own: the same keys in the worker's bucket.

    home:    HandOver (token, heartbeat)
    worker:  FetchInputs → CreateJob → (wait) → WatchJob … → BringHome, or GiveUp

FetchInputs and BringHome raise CopyUnfinished when they have copied all that one call has time for,
or another job copies the same file: the same input, given again, goes on from there. WatchJob,
BringHome and GiveUp raise HomeUnreachable where home does not answer; WatchJob only before a job
exists. FetchInputs raises NoLongerAwaited when home has stopped waiting: then nothing is to be done
but to end. Of any other error, GiveUp is told.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stratos.contracts.run import RunRef
from stratos.frozen import CrossingModel, FrozenModel
from stratos.pipeline.steps import TrainingJob

HEARTBEAT_SECONDS = 1800
"""A job of another region that says nothing for so long is lost to home."""
COPIES_KEPT_DAYS = 30
"""What lies in a worker's bucket is deleted after so long, checkpoints earlier: a copy that is
about to go is copied anew before a job reads it."""
SHORTEST_WAIT_SECONDS = 90
"""An execution's history has 25,000 events, and a look at a job takes ten with what it waits."""
SILENCE_SECONDS = 6 * 3600
"""After so long without home, a job is looked at less often. It goes on to its own end."""


class HandOverInput(FrozenModel):
    """The home state that waits until the job is over, there or here."""

    run: RunRef
    job: TrainingJob
    hyper_parameters: dict[str, str]
    """In place of the job's own: some are known only when it starts."""
    task_token: str


class HandedOver(FrozenModel):
    execution_arn: str
    """Of the region's state machine."""


class Home(FrozenModel):
    """Where a worker's answers and artifacts go."""

    region: str
    bucket: str
    kms_key_arn: str
    task_token: str
    token_key: Annotated[str | None, Field(exclude_if=lambda key: key is None)] = None
    """Of an endpoint: key of the token by which home waits now. It is another if AWS has lost the
    answer of the call that handed the endpoint over, and home has called again."""


class WorkerJob(CrossingModel):
    """Input of the worker's state machine, and of its functions."""

    run: RunRef
    job: TrainingJob
    """As it stands for home; after FetchInputs, for the worker."""
    home: Home


class WatchInput(CrossingModel):
    worker: WorkerJob
    silent_since: float | None = None
    """Unix seconds since when home could not be reached; None while it can."""
    checkpoints_copied_at: float | None = None
    """Unix seconds of the last copy of checkpoints to home."""
    unseen: int | None = None
    """Looks in a row that found no such job; None while it is seen."""


class Watched(FrozenModel):
    """How a job stands in its region."""

    over: bool
    wait_seconds: int
    """Until it is looked at again: at least `SHORTEST_WAIT_SECONDS` on average."""
    silent_since: float | None
    checkpoints_copied_at: float | None
    unseen: int | None = None


class BroughtHome(FrozenModel):
    answered: bool
    """False if nobody waited for the answer any more."""
