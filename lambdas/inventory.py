"""What Stratos has made in this account and is still there, as its tags tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from lambdas.aws import client, error_code
from lambdas.sagemaker import IN_PROGRESS, find_endpoint
from lambdas.schedules import EXPIRY_SUFFIX, RERUN_PREFIX
from lambdas.settings import settings
from stratos.ownership import RUN_TAG, SPEC_TAG, Resource

_PREFIX = "stratos-"


def resources() -> Iterator[Resource]:
    """Components, endpoints, what they use, then running jobs, and schedules of endings.

    What lacks the run tag is not Stratos's own and is left out.
    """
    for item in _listed("list_inference_components", "InferenceComponents", NameContains=_PREFIX):
        if tags := _tags(item["InferenceComponentArn"]):
            yield Resource(
                kind="inference-component",
                name=item["InferenceComponentName"],
                endpoint_name=item["EndpointName"],
                status=item.get("InferenceComponentStatus", ""),
                **tags,
            )
    for item in _listed("list_endpoints", "Endpoints", NameContains=_PREFIX):
        if not item["EndpointName"].startswith(_PREFIX):
            continue  # the filter finds it anywhere in a name
        if (tags := _tags(item["EndpointArn"])) and (found := find_endpoint(item["EndpointName"])):
            yield Resource(
                kind="endpoint",
                name=found.name,
                config_name=found.config_name,
                status=found.status,
                **tags,
            )
    for item in _listed("list_endpoint_configs", "EndpointConfigs", NameContains=_PREFIX):
        if tags := _tags(item["EndpointConfigArn"]):
            yield Resource(kind="endpoint-config", name=item["EndpointConfigName"], **tags)
    for item in _listed("list_models", "Models", NameContains=_PREFIX):
        if tags := _tags(item["ModelArn"]):
            yield Resource(kind="model", name=item["ModelName"], **tags)
    for item in _listed("list_training_jobs", "TrainingJobSummaries", StatusEquals=IN_PROGRESS):
        if tags := _tags(item["TrainingJobArn"]):
            yield Resource(kind="training-job", name=item["TrainingJobName"], **tags)
    yield from _expiry_schedules()


def _expiry_schedules() -> Iterator[Resource]:
    pages = client("scheduler").get_paginator("list_schedules")
    for page in pages.paginate(GroupName=settings().schedule_group):
        for schedule in page["Schedules"]:
            name = schedule["Name"]
            if name.endswith(EXPIRY_SUFFIX) and not name.startswith(RERUN_PREFIX):
                endpoint = name.removesuffix(EXPIRY_SUFFIX)
                yield Resource(
                    kind="schedule",
                    name=name,
                    run_id=None,
                    spec_name=endpoint.removeprefix(_PREFIX),
                    endpoint_name=endpoint,
                )


def _listed(operation: str, key: str, **filters: str) -> Iterator[dict[str, Any]]:
    for page in client("sagemaker").get_paginator(operation).paginate(**filters):
        yield from page[key]


def _tags(arn: str) -> dict[str, str | None] | None:
    """Run and spec of a resource; None where it carries no run tag, or is gone meanwhile."""
    try:
        pages = list(client("sagemaker").get_paginator("list_tags").paginate(ResourceArn=arn))
    except ClientError as error:
        if error_code(error) in ("ValidationException", "ResourceNotFound"):
            return None
        raise
    tags = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    if RUN_TAG not in tags:
        return None
    return {"run_id": tags[RUN_TAG], "spec_name": tags.get(SPEC_TAG)}
