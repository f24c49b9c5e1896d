"""What is kept of a run, and how it is deleted so that nothing of its data is left.

A row stays in the runs table, with names and times only: S3's event of the upload may be delivered
again, and would otherwise start the run anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import get_args

from botocore.exceptions import BotoCoreError, ClientError

from stratos.cli.batch import Unfinished, jobs_under_way
from stratos.cli.run_logs import (
    delete_stream,
    endpoint_streams,
    job_streams,
    own_endpoint_streams,
)
from stratos.cli.runs import list_runs
from stratos.cli.stack import Stack, client
from stratos.cli.versions import KeptObjects, delete_kept, kept_under
from stratos.client.passed_over import is_unanswered
from stratos.contracts.bucket import (
    ASYNC_DAYS,
    SPEC_FILE,
    RunKeys,
    async_folder,
    s3_uri,
    spec_folder,
)
from stratos.contracts.run import RunRef, RunRow
from stratos.errors import RegionUnreachable, StratosError
from stratos.hosting.model_package import RUN_PROPERTY
from stratos.units import count

_IN_TOMBSTONE = frozenset({*RunRef.model_fields, "spec_name", "status", "ended_at"})
_JOB_STATES: tuple[Unfinished, ...] = get_args(Unfinished)


@dataclass(frozen=True)
class Remains:
    """What is kept of a run beside its row."""

    objects: tuple[KeptObjects, ...]
    packages: tuple[str, ...]
    """ARNs of its versions in the model registry."""
    streams: tuple[tuple[str, str], ...]
    """Group and name of its log streams."""
    streams_elsewhere: tuple[tuple[str, str, str], ...]
    """Region, group and name of those of its jobs in worker regions."""
    staying: tuple[str, ...]
    """What is not deleted, and why, in words."""

    @property
    def versions(self) -> list[tuple[str, str]]:
        """Key and version of everything that is kept in the bucket."""
        return [version for kept in self.objects for version in kept.versions]

    def told(self) -> list[str]:
        """A line for each kind that there is."""
        lines = [kept.told() for kept in self.objects if kept]
        if self.packages:
            lines.append(f"{count(len(self.packages), 'version')} in the model registry")
        if self.streams or self.streams_elsewhere:
            streams = len(self.streams) + len(self.streams_elsewhere)
            lines.append(f"{count(streams, 'log stream')} of its jobs and of its endpoint")
        return lines


def find_remains(stack: Stack, run: RunRow, *, upload: bool) -> Remains:
    """List what is kept of a run.

    Args:
        upload: Also the folder of its spec.

    Raises:
        StratosError: Its jobs go on, or others need the upload.
    """
    rows = list_runs(stack)
    of_spec = [row for row in rows if row.spec_key == run.spec_key and row.run_id != run.run_id]
    away = [stack.in_region(region) for region in stack.worker_regions]
    for place in (stack, *away):
        with answering(place):
            _refuse_jobs_under_way(place, run)
    keys = RunKeys(run.run_id)
    objects = [kept_under(stack, prefix) for prefix in (keys.prefix, keys.all_checkpoints)]
    streams, staying = job_streams(stack, run, rows), []
    if keys.deployment in objects[0].keys:
        later = [row.started_at for row in of_spec if row.started_at > run.started_at]
        streams += endpoint_streams(stack, run, min(later, default=None))
        queue = kept_under(stack, async_folder(run.shown_spec_name))
        sharing = next((row for row in of_spec if _shares_endpoint(row, run)), None)
        if sharing is None:
            objects.append(queue)
        elif queue:
            staying.append(
                f"{queue.told()}: run {sharing.run_id} has the same endpoint. S3 deletes them "
                f"after {ASYNC_DAYS} days"
            )
    streams += own_endpoint_streams(stack, run)
    for place in away:
        objects += [kept_under(place, prefix) for prefix in (keys.prefix, keys.all_checkpoints)]
    if upload:
        objects += [kept_under(place, spec_folder(run.spec_key)) for place in away]
        objects.append(_upload(stack, run, of_spec))
    elif kept := kept_under(stack, spec_folder(run.spec_key)):
        staying.append(f"{kept.told()}: the upload, which all runs of the spec read (--upload)")
    staying.append(
        "names and times in the runs table; lines of the functions' logs and the history of the "
        "execution, until their time is over; figures that the planner learned "
        f"(stratos learned --forget --run {run.run_id})"
    )
    packages = tuple(_packages(stack, run))
    elsewhere = [
        (place.elsewhere, group, name)
        for place in away
        for group, name in (
            *job_streams(place, run, rows),
            *own_endpoint_streams(place, run),
        )
    ]
    return Remains(tuple(objects), packages, tuple(streams), tuple(elsewhere), tuple(staying))


@contextmanager
def answering(place: Stack) -> Iterator[None]:
    """
    Raises:
        RegionUnreachable: the place is in another region, which does not answer.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        if not (place.elsewhere and is_unanswered(error)):
            raise
        raise RegionUnreachable(
            f"{place.elsewhere} does not answer ({error}), and may hold objects of the run. "
            "Nothing was deleted: repeat the command when it is back"
        ) from error


def erase(stack: Stack, run: RunRow, remains: Remains) -> None:
    """Delete what was listed. An interruption leaves the rest to be found by another call.

    Raises:
        StratosError: Some of it could not be deleted.
    """
    logs = client("logs")
    for group, stream in remains.streams:  # found by objects, so these go before them
        delete_stream(logs, group, stream)
    for region, group, stream in remains.streams_elsewhere:
        delete_stream(client("logs", region=region), group, stream)
    for package in remains.packages:
        stack.sagemaker.delete_model_package(ModelPackageName=package)
    for kept in remains.objects:
        delete_kept(stack.in_region(kept.region), kept)
    _leave_tombstone(stack, run)


def _refuse_jobs_under_way(stack: Stack, run: RunRow) -> None:
    for status in _JOB_STATES:
        for job in (
            *_training_jobs(stack, run, status),
            *jobs_under_way(stack, run.run_id, status),
        ):
            raise StratosError(
                f"job {job} of run {run.run_id} is {status} and may still write; repeat the "
                f"command when it has ended (stratos delete {run.run_id} stops batches)"
            )


def _training_jobs(stack: Stack, run: RunRow, status: Unfinished) -> Iterator[str]:
    pages = stack.sagemaker.get_paginator("list_training_jobs")
    for page in pages.paginate(NameContains=run.run_id, StatusEquals=status):
        for job in page["TrainingJobSummaries"]:
            if job["TrainingJobName"].startswith(f"{run.run_id}-"):
                yield job["TrainingJobName"]


def _shares_endpoint(row: RunRow, run: RunRow) -> bool:
    """Whether another run of the spec has, had later, or may get what is asked at its endpoint."""
    if row.status == "deleted":
        return False
    served_later = row.live_since is not None and row.live_since > run.started_at
    return not row.finished or row.in_charge or served_later


def _upload(stack: Stack, run: RunRow, of_spec: Sequence[RunRow]) -> KeptObjects:
    """The folder of the spec.

    Raises:
        StratosError: Another run reads it now, or another spec lies in it.
    """
    busy = next((row.run_id for row in of_spec if not row.finished), None)
    if busy is not None:
        raise StratosError(
            f"run {busy} is under way and reads the same upload; stop it first "
            f"(stratos stop {busy}), or leave out --upload"
        )
    kept = kept_under(stack, spec_folder(run.spec_key))
    others = sorted(key for key in kept.keys if key.endswith(f"/{SPEC_FILE}"))
    others = [key for key in others if key != run.spec_key]
    if others:
        raise StratosError(
            f"the folder of {s3_uri(stack.bucket, run.spec_key)} also holds {others[0]}, another "
            "spec; move that one out, or leave out --upload"
        )
    return kept


def _packages(stack: Stack, run: RunRow) -> Iterator[str]:
    """ARNs of the versions in the registry that carry the run's id."""
    pages = stack.sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=stack.names.prefix, SortBy="CreationTime", SortOrder="Descending"
    )
    for page in pages:
        for version in page["ModelPackageSummaryList"]:
            if version["CreationTime"] < run.started_at:
                return
            arn = str(version["ModelPackageArn"])
            found = stack.sagemaker.describe_model_package(ModelPackageName=arn)
            if found.get("CustomerMetadataProperties", {}).get(RUN_PROPERTY) == run.run_id:
                yield arn


def _leave_tombstone(stack: Stack, run: RunRow) -> None:
    """Take everything from the run's row but names and times."""
    item = stack.table.get_item(Key={"run_id": run.run_id}, ConsistentRead=True)["Item"]
    gone = sorted(item.keys() - _IN_TOMBSTONE)
    names = {f"#{number}": name for number, name in enumerate(gone)}
    removal = f" REMOVE {', '.join(names)}" if names else ""
    stack.table.update_item(
        Key={"run_id": run.run_id},
        UpdateExpression=f"SET #status = :deleted{removal}",
        ExpressionAttributeNames={"#status": "status"} | names,
        ExpressionAttributeValues={":deleted": "deleted"},
    )
