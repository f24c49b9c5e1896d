"""What CreateTrainingJob is asked for, checked as SageMaker checks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_pascal

from infra.local.sagemaker.validation import name_violations

_MAX_VALUE_CHARACTERS = 2500
_MAX_VARIABLE_CHARACTERS = 512
_MAX_HYPERPARAMETERS = 100
_MAX_COMMAND_ENTRIES = 100
_MAX_ENTRY_CHARACTERS = 256
_MAX_CHANNELS = 20
_MAX_PREFERENCES = 5
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
    """What SageMaker would refuse in these parameters, in its own words; empty when nothing."""
    found = [
        *name_violations("trainingJobName", parameters.get("TrainingJobName") or ""),
        *(
            f"Value '{value[:40]}…' at 'hyperParameters.{name}' failed to satisfy constraint: "
            f"Map value must satisfy constraint: [Member must have length less than or equal to "
            f"{_MAX_VALUE_CHARACTERS}]; it has {len(value)}, so pass it as a file in a channel"
            for name, value in (parameters.get("HyperParameters") or {}).items()
            if isinstance(value, str) and len(value) > _MAX_VALUE_CHARACTERS
        ),
        *(
            f"Value at 'environment.{name}' failed to satisfy constraint: Map value must satisfy "
            f"constraint: [Member must have length less than or equal to "
            f"{_MAX_VARIABLE_CHARACTERS}]; it has {len(value)}"
            for name, value in (parameters.get("Environment") or {}).items()
            if isinstance(value, str) and len(value) > _MAX_VARIABLE_CHARACTERS
        ),
    ]
    if len(parameters.get("HyperParameters") or {}) > _MAX_HYPERPARAMETERS:
        found.append(
            "Value at 'hyperParameters' failed to satisfy constraint: Member must have length "
            f"less than or equal to {_MAX_HYPERPARAMETERS}"
        )
    if len(parameters.get("InputDataConfig") or ()) > _MAX_CHANNELS:
        found.append(
            "Value at 'inputDataConfig' failed to satisfy constraint: Member must have length "
            f"less than or equal to {_MAX_CHANNELS}"
        )
    found += _command_violations(parameters.get("AlgorithmSpecification") or {})
    return found or _capacity_violations(parameters)


def _command_violations(algorithm: Mapping[str, Any]) -> list[str]:
    """What would be refused of the container's command; botocore checks only the least lengths."""
    found = []
    for name in ("ContainerEntrypoint", "ContainerArguments"):
        entries = algorithm.get(name) or ()
        where = f"algorithmSpecification.{name[0].lower()}{name[1:]}"
        if len(entries) > _MAX_COMMAND_ENTRIES:
            found.append(
                f"Value at '{where}' failed to satisfy constraint: Member must have length less "
                f"than or equal to {_MAX_COMMAND_ENTRIES}"
            )
        found += [
            f"Value at '{where}.{number}.member' failed to satisfy constraint: Member must have "
            f"length less than or equal to {_MAX_ENTRY_CHARACTERS} and satisfy regular expression "
            f"pattern: .*; it has {len(entry)} characters"
            for number, entry in enumerate(entries, 1)
            if len(entry) > _MAX_ENTRY_CHARACTERS or "\n" in entry
        ]
    return found


def _capacity_violations(parameters: Mapping[str, Any]) -> list[str]:
    """What the service model says of instances, in words of its own: AWS's are not recorded."""
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
    if not 1 <= len(preferences) <= _MAX_PREFERENCES:
        found.append(
            "Value at 'resourceConfig.instancePreferences' failed to satisfy constraint: Member "
            f"must have length between 1 and {_MAX_PREFERENCES}"
        )
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
