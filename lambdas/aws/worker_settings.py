"""What a worker region's stack tells its functions."""

from __future__ import annotations

from functools import cache

from pydantic_settings import BaseSettings, SettingsConfigDict

from lambdas.aws.settings import from_environment
from stratos.contracts.checkpoint_copies import CHECKPOINT_COPY_SECONDS
from stratos.pipeline.worker_jobs import SHORTEST_WAIT_SECONDS


class WorkerSettings(BaseSettings):
    """Names and ARNs of the region's stack: a variable for each field."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    stack_name: str
    """Of the stack that it works for."""
    aws_region: str
    bucket: str
    kms_key_arn: str
    state_machine_arn: str
    """Of the region's own machine, which runs one job."""
    checkpoint_copy_seconds: float = CHECKPOINT_COPY_SECONDS
    watch_seconds: int = SHORTEST_WAIT_SECONDS
    """Between two looks at a job. The stack sets neither; tests do."""


@cache
def worker_settings() -> WorkerSettings:
    """The settings of this function.

    Raises:
        ValueError: naming the variables that are missing.
    """
    return from_environment(WorkerSettings, "deploy the worker stack of this region")
