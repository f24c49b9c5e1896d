"""What CreateTrainingJob is asked for, checked as SageMaker checks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_pascal

_EXCLUDED_BY_PREFERENCES = ("InstanceType", "InstanceGroups", "InstancePlacementConfig")


class _Shape(BaseModel):
    """A structure of the SageMaker API, of which only the fields used here are read."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_pascal, validate_by_name=True
    )


class MetricDefinition(_Shape):
    name: str
    regex: str


class AlgorithmSpecification(_Shape):
    training_image: str = ""
    training_input_mode: str = "File"
    container_entrypoint: tuple[str, ...] = ()
    container_arguments: tuple[str, ...] = ()
    metric_definitions: tuple[MetricDefinition, ...] = ()


class S3DataSource(_Shape):
    s3_data_type: str = "S3Prefix"
    s3_uri: str
    s3_data_distribution_type: str = "FullyReplicated"


class DataSource(_Shape):
    s3_data_source: S3DataSource


class Channel(_Shape):
    channel_name: str
    data_source: DataSource
    input_mode: str | None = None
    content_type: str | None = None


class OutputDataConfig(_Shape):
    s3_output_path: str
    compression_type: str = "GZIP"


class InstancePreference(_Shape):
    instance_type: str
    instance_count: int | None = None


class ResourceConfig(_Shape):
    instance_type: str | None = None
    instance_count: int = 1
    instance_preferences: tuple[InstancePreference, ...] = ()

    @property
    def choices(self) -> tuple[tuple[str, int], ...]:
        """Instance types that the job may start on with how many of each, best first."""
        if self.instance_type is not None:
            return ((self.instance_type, self.instance_count),)
        return tuple(
            (one.instance_type, one.instance_count or self.instance_count)
            for one in self.instance_preferences
        )


class StoppingCondition(_Shape):
    max_runtime_in_seconds: int = 86400
    max_wait_time_in_seconds: int | None = None


class CheckpointConfig(_Shape):
    s3_uri: str
    local_path: str = "/opt/ml/checkpoints"


class TrainingJobRequest(_Shape):
    training_job_name: str
    role_arn: str
    algorithm_specification: AlgorithmSpecification
    hyper_parameters: dict[str, str] = {}
    input_data_config: tuple[Channel, ...] = ()
    output_data_config: OutputDataConfig
    resource_config: ResourceConfig
    stopping_condition: StoppingCondition = StoppingCondition()
    checkpoint_config: CheckpointConfig | None = None
    environment: dict[str, str] = {}
    enable_managed_spot_training: bool = False

    @property
    def default_input_mode(self) -> str:
        return self.algorithm_specification.training_input_mode


def violations(parameters: Mapping[str, Any]) -> list[str]:
    """What SageMaker would refuse of the instances that are asked for; empty when nothing.

    The service model says so in words, which are of use here: AWS's are not recorded. What it says
    of lengths and patterns is checked of every request (`infra.local.requests`).
    """
    config = parameters.get("ResourceConfig") or {}
    preferences = config.get("InstancePreferences")
    found = [
        f"'resourceConfig.{name}' is read-only and not accepted in CreateTrainingJob requests"
        for name in ("SelectedInstanceType", "SelectedInstanceCount")
        if config.get(name) is not None
    ]
    if preferences is None:
        if not config.get("InstanceType") and not config.get("InstanceGroups"):
            found.append("'resourceConfig' must specify InstanceType or InstancePreferences")
        return found
    excluded = [name for name in _EXCLUDED_BY_PREFERENCES if config.get(name)]
    if parameters.get("EnableManagedSpotTraining"):
        excluded.append("EnableManagedSpotTraining")
    found += [f"InstancePreferences and {name} are mutually exclusive" for name in excluded]
    types = [one.get("InstanceType") for one in preferences]
    if len(set(types)) < len(types):
        found.append("An instance type can appear only once in InstancePreferences")
    counted = [one.get("InstanceCount") is not None for one in preferences]
    for_the_job = config.get("InstanceCount") is not None
    if any(counted) == for_the_job or (any(counted) and not all(counted)):
        found.append(
            "InstanceCount must be set on every preference, or once in ResourceConfig, and not both"
        )
    return found
