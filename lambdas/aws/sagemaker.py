"""SageMaker: the training jobs of a run, and endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lambdas.aws.clients import client, error_code
from lambdas.aws.job_names import step_of
from stratos.errors import EndpointUnsettled
from stratos.hosting.absence import is_absent, is_over, is_taken
from stratos.hosting.modes.table import mode_named, mode_of
from stratos.hosting.ownership import CHANGING
from stratos.spec import ModeName
from stratos.waiting import every, wait_until

IN_PROGRESS = "InProgress"
_PAUSE_SECONDS = 2.0


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as it is now."""

    name: str
    config_name: str
    status: str
    mode: ModeName = "realtime"

    @property
    def changing(self) -> bool:
        """Whether a change is under way; SageMaker refuses another until it ends."""
        return self.status in CHANGING

    @property
    def failed(self) -> bool:
        """Whether SageMaker has given it up: then it can only be deleted."""
        return self.status == "Failed"

    @property
    def in_component(self) -> bool:
        """Whether its model is in an inference component."""
        return mode_named(self.mode).in_component


def describe_job(name: str) -> dict[str, Any] | None:
    """A training job as SageMaker describes it, or None where there is none."""
    try:
        described: dict[str, Any] = client("sagemaker").describe_training_job(TrainingJobName=name)
    except ClientError as error:
        if is_absent(error, held_by_tag=True):
            return None
        raise
    return described


def jobs_of(run_id: str) -> Iterator[dict[str, Any]]:
    """Every training job of a run, described, the oldest first."""
    pages = client("sagemaker").get_paginator("list_training_jobs")
    names = [
        summary["TrainingJobName"]
        for page in pages.paginate(NameContains=run_id)
        for summary in sorted(page["TrainingJobSummaries"], key=lambda job: job["CreationTime"])
    ]
    for name in names:
        if step_of(run_id, name) is not None and (job := describe_job(name)) is not None:
            yield job


def stop_job(name: str, region: str | None = None) -> None:
    """Ask a job to stop; one that has ended already is left as it is."""
    try:
        client("sagemaker", region).stop_training_job(TrainingJobName=name)
    except ClientError as error:
        if not (is_absent(error, held_by_tag=True) or is_over(error)):
            raise


def find_endpoint(name: str, region: str | None = None) -> Endpoint | None:
    try:
        found = client("sagemaker", region).describe_endpoint(EndpointName=name)
    except ClientError as error:
        if is_absent(error, held_by_tag=False):
            return None
        raise
    return Endpoint(name, found["EndpointConfigName"], found["EndpointStatus"], mode_of(found).name)


def describe_endpoint(name: str, region: str | None = None) -> dict[str, Any]:
    """An endpoint as SageMaker describes it."""
    described: dict[str, Any] = client("sagemaker", region).describe_endpoint(EndpointName=name)
    return described


def production_variant(config_name: str) -> dict[str, Any]:
    """The one variant of an endpoint configuration, as SageMaker describes it."""
    described = client("sagemaker").describe_endpoint_config(EndpointConfigName=config_name)
    variant: dict[str, Any] = described["ProductionVariants"][0]
    return variant


def mode_in_service(name: str) -> ModeName | None:
    """The mode of an endpoint; None where there is none, or it is being deleted."""
    live = find_endpoint(name)
    return None if live is None or live.status == "Deleting" else live.mode


def settled_endpoint(name: str, deadline: float, region: str | None = None) -> Endpoint | None:
    """Wait until no change of an endpoint is under way: SageMaker refuses another until then.

    Args:
        deadline: By the monotonic clock.

    Raises:
        EndpointUnsettled: when it does not settle in time.
    """
    endpoint = wait_until(
        lambda: find_endpoint(name, region),
        lambda found: found is None or not found.changing,
        pauses=every(_PAUSE_SECONDS),
        deadline=deadline,
    )
    if endpoint is not None and endpoint.changing:
        raise EndpointUnsettled(
            f"endpoint {name} is still {endpoint.status}; the next call goes on from here. If it "
            "never settles, delete it by hand: it is billed"
        )
    return endpoint


def update_endpoint(name: str, config_name: str) -> None:
    client("sagemaker").update_endpoint(EndpointName=name, EndpointConfigName=config_name)


def create_endpoint(name: str, config_name: str, tags: list[dict[str, str]]) -> bool:
    """Create an endpoint, unless there is one. Returns whether its configuration is there."""
    try:
        client("sagemaker").create_endpoint(
            EndpointName=name, EndpointConfigName=config_name, Tags=tags
        )
    except ClientError as error:
        if is_absent(error, held_by_tag=False):
            return False
        if not is_taken(error):  # by another call, which was faster
            raise
    return True


def tag_endpoint(name: str, tags: list[dict[str, str]], region: str | None = None) -> None:
    """Put tags on an endpoint; one with the same key is replaced."""
    arn = describe_endpoint(name, region)["EndpointArn"]
    client("sagemaker", region).add_tags(ResourceArn=arn, Tags=tags)


def tags_of(arn: str, region: str | None = None) -> dict[str, str]:
    """Tags of a resource; none if it is gone by now."""
    try:
        pages = list(
            client("sagemaker", region).get_paginator("list_tags").paginate(ResourceArn=arn)
        )
    except ClientError as error:
        if error_code(error) in ("ValidationException", "ResourceNotFound"):
            return {}
        raise
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def delete_endpoint(name: str, region: str | None = None) -> bool:
    """Delete an endpoint. Returns whether it existed."""
    return _delete("delete_endpoint", region, held_by_tag=False, EndpointName=name)


def delete_endpoint_config(name: str, region: str | None = None) -> bool:
    return _delete("delete_endpoint_config", region, held_by_tag=True, EndpointConfigName=name)


def delete_model(name: str, region: str | None = None) -> bool:
    return _delete("delete_model", region, held_by_tag=True, ModelName=name)


def _delete(operation: str, region: str | None, *, held_by_tag: bool, **name: str) -> bool:
    try:
        getattr(client("sagemaker", region), operation)(**name)
    except ClientError as error:
        if is_absent(error, held_by_tag=held_by_tag):
            return False
        raise
    return True
