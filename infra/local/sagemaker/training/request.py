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


class ResourceConfig(_Shape):
    instance_type: str
    instance_count: int = 1


class StoppingCondition(_Shape):
    max_runtime_in_seconds: int = 86400


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
    return found
