"""Everything that a stack has under way or in service, and its end.

A stack takes the roles with it by which SageMaker would delete an endpoint, so all of this goes
before the stack does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from stratos.cli.endpoint import delete
from stratos.cli.runs import list_hosting, list_runs
from stratos.cli.stack import Stack, client
from stratos.cli.sweep import sweep_now
from stratos.client.passed_over import is_unanswered
from stratos.contracts.run import RunRow
from stratos.errors import StackInUse, StackNotFound
from stratos.hosting.ownership import HOME_TAG
from stratos.units import count
from stratos.waiting import every, wait_until, within

_ENDING_SECONDS = 1800.0
"""CleanUp ends a job and an endpoint within minutes; a batch takes longest."""
_POLL_SECONDS = 5.0
_FAR_SECONDS = 30.0
"""That another region has to answer."""
_GONE = ("ValidationException", "ResourceNotFound")
"""SageMaker's codes for what does not exist."""
_STOPPED_BY = "stopped by `stratos destroy`"


@dataclass(frozen=True)
class StackUse:
    """What would be lost with a stack.

    Attributes:
        under_way: Runs that have not ended.
        live: Runs whose model answers.
        reruns: Names of schedules that start runs.
    """

    under_way: tuple[RunRow, ...]
    live: tuple[RunRow, ...]
    reruns: tuple[str, ...]

    @classmethod
    def of(cls, stack: Stack) -> StackUse:
        rows = list_hosting(stack)
        return cls(
            under_way=tuple(row for row in rows if not row.finished),
            live=tuple(row for row in rows if row.finished and row.live),
            reruns=tuple(_reruns(stack)),
        )

    def told(self) -> list[str]:
        """Each with the command that ends it alone."""
        return [
            *(
                f"run {row.run_id} is {row.status}: stratos stop {row.run_id}"
                for row in self.under_way
            ),
            *(
                f"run {row.run_id} is in service as {row.endpoint_name or row.batch_model_name}: "
                f"stratos delete {row.run_id}"
                for row in self.live
            ),
            *(f"schedule {name} starts runs" for name in self.reruns),
        ]


def end_all(
    stack: Stack, use: StackUse, tell: Callable[[str], None], sleep: Callable[[float], object]
) -> None:
    """End what a stack is used for, until nothing of it is billed.

    Raises:
        StackInUse: Some of it does not end.
    """
    schedules = client("scheduler")
    for name in use.reruns:
        schedules.delete_schedule(GroupName=stack.schedule_group, Name=name)
        tell(f"deleted schedule {name}")
    for row in use.under_way:
        stack.states.stop_execution(executionArn=row.execution_arn, cause=_STOPPED_BY)
        tell(f"stopping run {row.run_id}")
    _wait(lambda: [row.run_id for row in list_runs(stack) if not row.finished], sleep)
    unreached: dict[str, str] = {}
    for row in list_hosting(stack):
        if row.live:
            done = delete(stack, row)
            for name in done.names:
                tell(f"deleted {name}")
            for region, why in done.unreached.items():
                tell(f"{region} does not answer ({why}), so what is in service there stays")
                unreached[region] = why
    try:
        swept = sweep_now(stack, dry_run=False)
    except StackNotFound:
        tell("the sweeper is gone already, so a stack was half deleted before")
    else:
        for orphan in swept.removed:
            tell(f"deleted {orphan.kind} {orphan.name}, which belonged to no run")
        unreached |= swept.unreached
    _wait(lambda: list(_billed(stack)), sleep)
    if unreached:
        raise StackInUse(_why_unreached_keeps_it(unreached))


def _why_unreached_keeps_it(unreached: dict[str, str]) -> str:
    told = "; ".join(f"{region}: {why}" for region, why in unreached.items())
    return (
        f"{', '.join(unreached)} did not answer ({told}), so an endpoint may stand there, which is "
        "billed until its time is over. The stack was left alone; repeat the command once the "
        "region answers, or take it out of `stratos:worker_regions` and deploy first"
    )


def refuse_left_behind(stack: Stack, regions: Collection[str], tell: Callable[[str], None]) -> None:
    """Refuse to take regions out of a stack where something of it is still billed.

    Args:
        regions: That it works in now, and is not to any more.

    Raises:
        StackInUse: Jobs or endpoints stand there, which home's sweeper would know no more.
    """
    rows = list_runs(stack)
    jobs = tuple(f"{row.run_id}-" for row in rows)
    # What home itself knows is asked first: a region may not answer.
    found = [
        f"the model of run {row.run_id} in {region}"
        for row in rows
        if row.live
        for region in row.serving_regions
        if region in regions
    ]
    working = ", ".join(row.run_id for row in rows if not row.finished)
    under_way = f". Under way, and perhaps there: {working}" if working else ""
    for region in regions:
        try:
            there = list(_billed_in(stack.in_region(region, _FAR_SECONDS), jobs))
        except (ClientError, BotoCoreError) as error:
            if not is_unanswered(error):
                raise
            tell(
                f"{region} does not answer, so nobody can see what stands there; what does is "
                f"billed until its time is over, and home will know the region no more{under_way}"
            )
            continue
        found += [f"{name} in {region}" for name in there]
    if found:
        raise StackInUse(
            f"{', '.join(regions)} would be no worker region any more, and {', '.join(found)} "
            "would be billed there and known to home no more. End these first (`stratos stop` or "
            "`stratos delete` of their runs), or name the region in stratos:worker_regions again"
        )


def empty_registry(stack: Stack) -> int:
    """Delete the versions of the model registry, with which no stack can be deleted."""
    group, sagemaker = stack.names.prefix, stack.sagemaker
    try:
        sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    except sagemaker.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
        return 0
    pages = sagemaker.get_paginator("list_model_packages")
    found = [
        version["ModelPackageArn"]
        for page in pages.paginate(ModelPackageGroupName=group)
        for version in page["ModelPackageSummaryList"]
    ]
    for arn in found:
        sagemaker.delete_model_package(ModelPackageName=arn)
    return len(found)


def _wait(probe: Callable[[], list[str]], sleep: Callable[[float], object]) -> None:
    left = wait_until(
        probe,
        lambda names: not names,
        pauses=every(_POLL_SECONDS),
        deadline=within(_ENDING_SECONDS),
        now=time.monotonic,
        sleep=sleep,
    )
    if left:
        raise StackInUse(
            f"{count(len(left), 'thing')} of the stack did not end in "
            f"{_ENDING_SECONDS / 60:.0f} minutes: {', '.join(left)}. The stack was left alone; "
            "look at these, then repeat the command"
        )


def _billed(stack: Stack) -> Iterator[str]:
    """Names of what SageMaker still has of the stack that is billed by time."""
    jobs = tuple(f"{row.run_id}-" for row in list_runs(stack))
    yield from _billed_in(stack, jobs)
    for region in stack.worker_regions:
        try:
            there = list(_billed_in(stack.in_region(region, _FAR_SECONDS), jobs))
        except (ClientError, BotoCoreError) as error:
            if not is_unanswered(error):
                raise
            yield f"whatever is in {region}, which does not answer"
        else:
            yield from (f"{name} in {region}" for name in there)


def _billed_in(place: Stack, jobs: tuple[str, ...]) -> Iterator[str]:
    """The same of one region.

    Args:
        jobs: What the names of the stack's training jobs begin with.
    """
    start, sagemaker = place.names.start, place.sagemaker
    endpoints = {
        one["EndpointName"]
        for one in _named(sagemaker, "endpoints", start, NameContains=start)
        if _is_of(place, one["EndpointArn"])
    }
    yield from sorted(endpoints)
    for one in _named(sagemaker, "inference_components", start, NameContains=start):
        if not place.elsewhere or one["EndpointName"] in endpoints:
            yield one["InferenceComponentName"]
    under_way = {"StatusEquals": "InProgress"}
    batches = start if not place.elsewhere else tuple(start + job for job in jobs)
    for one in _named(sagemaker, "transform_jobs", batches, NameContains=start, **under_way):
        yield one["TransformJobName"]
    for one in _named(sagemaker, "training_jobs", jobs, **under_way):
        yield one["TrainingJobName"]


_LISTED = {
    "endpoints": ("Endpoints", "EndpointName"),
    "inference_components": ("InferenceComponents", "InferenceComponentName"),
    "transform_jobs": ("TransformJobSummaries", "TransformJobName"),
    "training_jobs": ("TrainingJobSummaries", "TrainingJobName"),
}
"""What SageMaker lists each kind under, and what it calls its name."""


def _named(
    sagemaker: Any, kind: str, start: str | tuple[str, ...], **only: str
) -> Iterator[dict[str, Any]]:
    listed, name = _LISTED[kind]
    for page in sagemaker.get_paginator(f"list_{kind}").paginate(**only):
        yield from (one for one in page[listed] if one[name].startswith(start))


def _is_of(place: Stack, arn: str) -> bool:
    """Whether an endpoint is this stack's, and none of a stack of its name in another region."""
    pages = place.sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
    tags = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    return bool(tags.get(HOME_TAG, place.region if not place.elsewhere else "") == place.region)


def _reruns(stack: Stack) -> Iterator[str]:
    scheduler = client("scheduler")
    pages = scheduler.get_paginator("list_schedules")
    try:
        for page in pages.paginate(GroupName=stack.schedule_group, NamePrefix=stack.names.reruns):
            yield from (schedule["Name"] for schedule in page["Schedules"])
    except scheduler.exceptions.ResourceNotFoundException:
        return  # the group went when the stack was half deleted
