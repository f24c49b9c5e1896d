"""What Stratos made in this account and has not deleted, by its tags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lambdas.aws import run_roles
from lambdas.aws.bucket import Bucket
from lambdas.aws.clients import client
from lambdas.aws.sagemaker import IN_PROGRESS, find_endpoint, tags_of
from lambdas.aws.schedules import EXPIRY_SUFFIX, rerun_of
from lambdas.aws.settings import settings
from stratos.hosting.guardrails import run_of_alarm
from stratos.hosting.names import DEFAULT_STACK
from stratos.hosting.ownership import (
    HOME_TAG,
    RUN_TAG,
    SPEC_TAG,
    STACK_TAG,
    STAGE_TAG,
    STOPPING,
    Resource,
)
from stratos.hosting.transform_job import BATCH_TAG

_NOT_ENDED = (IN_PROGRESS, STOPPING)
"""A job that is being stopped still runs under its role."""


def resources() -> Iterator[Resource]:
    """Components, endpoints, what they use, running jobs, alarms of updates, and schedules.

    What could carry the tags of a run of this stack and does not is somebody else's, and left out.
    """
    for item in _own("list_inference_components", "InferenceComponents", "InferenceComponentName"):
        if tags := _tags(item["InferenceComponentArn"]):
            yield Resource(
                kind="inference-component",
                name=item["InferenceComponentName"],
                endpoint_name=item["EndpointName"],
                status=item.get("InferenceComponentStatus", ""),
                **tags,
            )
    yield from _hosted()
    yield from _training_jobs()
    yield from _transform_jobs()
    yield from _update_alarms()
    yield from _schedules()
    for name, run_id, _ in run_roles.listed():
        yield Resource(kind="role", name=name, run_id=run_id)


def in_region(region: str) -> list[Resource]:
    """Running training jobs of this stack's runs in a worker region, endpoints and their parts."""
    home = settings().aws_region
    return [*_training_jobs(region, home=home), *_hosted(region, home=home)]


def _training_jobs(region: str | None = None, *, home: str | None = None) -> Iterator[Resource]:
    """Those that have not ended, in this region or in another."""
    for status in _NOT_ENDED:
        found = _listed("list_training_jobs", "TrainingJobSummaries", region, StatusEquals=status)
        for item in found:
            if tags := _tags(item["TrainingJobArn"], region, home=home):
                name = item["TrainingJobName"]
                yield Resource(
                    kind="training-job", name=name, region=region or "", status=status, **tags
                )


def _transform_jobs() -> Iterator[Resource]:
    listing = ("list_transform_jobs", "TransformJobSummaries", "TransformJobName")
    for status in _NOT_ENDED:
        for item in _own(*listing, StatusEquals=status):
            all_tags = tags_of(item["TransformJobArn"])
            if tags := _owner(all_tags):
                yield Resource(
                    kind="transform-job",
                    name=item["TransformJobName"],
                    awaited=BATCH_TAG in all_tags,
                    status=status,
                    **tags,
                )


def _hosted(region: str | None = None, *, home: str | None = None) -> Iterator[Resource]:
    """Endpoints, their configurations and models, in this region or in another."""
    there = region or ""
    for item in _own("list_endpoints", "Endpoints", "EndpointName", region):
        told = tags_of(item["EndpointArn"], region)
        tags = _owner(told) if told.get(HOME_TAG) == home else None
        if tags and (found := find_endpoint(item["EndpointName"], region)):
            yield Resource(
                kind="endpoint",
                name=found.name,
                config_name=found.config_name,
                status=found.status,
                region=there,
                stage=told.get(STAGE_TAG, ""),
                **tags,
            )
    for item in _own("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName", region):
        if tags := _tags(item["EndpointConfigArn"], region, home=home):
            name = item["EndpointConfigName"]
            yield Resource(kind="endpoint-config", name=name, region=there, **tags)
    for item in _own("list_models", "Models", "ModelName", region):
        if tags := _tags(item["ModelArn"], region, home=home):
            yield Resource(kind="model", name=item["ModelName"], region=there, **tags)


def _update_alarms() -> Iterator[Resource]:
    """Alarms that watched the update of an endpoint; their names say of which run."""
    pages = client("cloudwatch").get_paginator("describe_alarms")
    for page in pages.paginate(AlarmNamePrefix=settings().names.start, AlarmTypes=["MetricAlarm"]):
        for alarm in page["MetricAlarms"]:
            if (run_id := run_of_alarm(alarm["AlarmName"])) is not None:
                yield Resource(kind="alarm", name=alarm["AlarmName"], run_id=run_id)


def _schedules() -> Iterator[Resource]:
    names = settings().names
    pages = client("scheduler").get_paginator("list_schedules")
    for page in pages.paginate(GroupName=settings().schedule_group):
        for schedule in page["Schedules"]:
            name = schedule["Name"]
            # A spec may be named rerun-…, so that the name of a schedule does not say what it does.
            rerun = rerun_of(name) if name.startswith(names.reruns) else None
            if rerun is not None:
                yield Resource(
                    kind="rerun",
                    name=name,
                    run_id=None,
                    spec_name=name.removeprefix(names.reruns),
                    spec_is_gone=not Bucket(rerun["bucket"]).exists(rerun["key"]),
                )
            elif name.endswith(EXPIRY_SUFFIX):
                endpoint = name.removesuffix(EXPIRY_SUFFIX)
                yield Resource(
                    kind="schedule",
                    name=name,
                    run_id=None,
                    spec_name=endpoint.removeprefix(names.start),
                    endpoint_name=endpoint,
                )


def _own(
    operation: str, key: str, name: str, region: str | None = None, **filters: str
) -> Iterator[dict[str, Any]]:
    """What has a name of this stack: the function may not so much as read the tags of the rest."""
    start = settings().names.start
    for item in _listed(operation, key, region, NameContains=start, **filters):
        if item[name].startswith(start):  # the filter matches anywhere in a name
            yield item


def _listed(
    operation: str, key: str, region: str | None = None, **filters: str
) -> Iterator[dict[str, Any]]:
    for page in client("sagemaker", region).get_paginator(operation).paginate(**filters):
        yield from page[key]


def _tags(
    arn: str, region: str | None = None, *, home: str | None = None
) -> dict[str, str | None] | None:
    """Run and spec of a resource; None if no run of this stack made it, or it is gone by now.

    Args:
        home: The region that has handed it over, if one has.
    """
    tags = tags_of(arn, region)
    return _owner(tags) if tags.get(HOME_TAG) == home else None


def _owner(tags: dict[str, str]) -> dict[str, str | None] | None:
    if RUN_TAG not in tags or tags.get(STACK_TAG, DEFAULT_STACK) != settings().stack_name:
        return None
    return {"run_id": tags[RUN_TAG], "spec_name": tags.get(SPEC_TAG)}
