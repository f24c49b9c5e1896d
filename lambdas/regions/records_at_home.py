"""What a worker writes down at home beside its answer: how the job stands, and what was moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws.bucket import Bucket
from lambdas.aws.clients import is_unreachable
from lambdas.aws.elsewhere_files import ElsewhereFiles
from lambdas.regions.places import Place
from stratos.contracts.bucket import untold_key
from stratos.contracts.regions import JobElsewhere, Transfer
from stratos.contracts.run import RunRef
from stratos.moment import now
from stratos.pipeline.worker_jobs import Home, WorkerJob

_STOPPING = timedelta(seconds=120)
"""That a job has to end in after it was told to, billed.
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StopTrainingJob.html
"""


def keep_transfers(run: RunRef, home: Home, name: str, transfers: Sequence[Transfer]) -> None:
    """Add what was moved for a job or an endpoint to what the run has moved.

    What home could not be told stays in the region, and the next call tells it.
    """
    own, key = Place.own().files, untold_key(run.run_id, name)
    untold = _untold(own, key)
    if not (untold or transfers):
        return
    files = ElsewhereFiles(Place.of_home(home).files, run.run_id)
    try:
        files.add_transfers(name, [*untold, *transfers])
    except (BotoCoreError, ClientError) as error:
        if is_unreachable(error):
            own.append_rows(key, transfers)
        raise
    if untold:
        own.put(key, "", "application/x-ndjson")


def _untold(own: Bucket, key: str) -> list[Transfer]:
    try:
        return own.read_rows(key, Transfer)
    except FileNotFoundError:
        return []


def keep_job(worker: WorkerJob, described: Mapping[str, Any]) -> None:
    """Write down how a job stands, for its bill and for whoever follows the run."""
    files = _files(worker)
    known = files.find_job(worker.job.name)
    if known is not None:
        files.put_job(as_described(known, described))


def keep_end(worker: WorkerJob, described: Mapping[str, Any] | None) -> None:
    """Write down the end of a job that is looked at no more, or that there never was one.

    Args:
        described: The job before it was told to stop; None where there is none.
    """
    files = _files(worker)
    known = files.find_job(worker.job.name)
    if known is None:
        return
    if described is not None:
        known = as_described(known, described)
    if not known.over:
        begun = known.started_at is not None
        end = {"status": "Stopped", "ended_at": now() + _STOPPING}
        never = {"status": "Failed", "billed_seconds": 0.0}
        known = known.model_copy(update={"seen_at": now(), **(end if begun else never)})
    files.put_job(known)


def _files(worker: WorkerJob) -> ElsewhereFiles:
    return ElsewhereFiles(Place.of_home(worker.home).files, worker.run.run_id)


def as_described(known: JobElsewhere, described: Mapping[str, Any]) -> JobElsewhere:
    """A job as its region describes it now."""
    config = described.get("ResourceConfig") or {}
    billed = described.get("BillableTimeInSeconds")
    return known.model_copy(
        update={
            "seen_at": now(),
            "instance_type": config.get("SelectedInstanceType") or config.get("InstanceType"),
            "count": config.get("SelectedInstanceCount") or config.get("InstanceCount") or 1,
            "spot": bool(described.get("EnableManagedSpotTraining")),
            "status": described["TrainingJobStatus"],
            "started_at": described.get("TrainingStartTime"),
            "ended_at": described.get("TrainingEndTime"),
            "billed_seconds": None if billed is None else float(billed),
        }
    )
