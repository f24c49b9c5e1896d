"""What the stack tells its functions, read once from the environment."""

from __future__ import annotations

from functools import cache
from typing import TypeVar

from pydantic import NonNegativeFloat, PositiveInt, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from stratos.contracts.served import DRAIN_SECONDS
from stratos.dataset.allowance import LARGE_BYTES
from stratos.hosting.names import StackNames

Told = TypeVar("Told", bound=BaseSettings)


class Settings(BaseSettings):
    """Names and ARNs of the stack that a function belongs to: a variable for each field."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    stack_name: str
    runs_table: str
    source_uri: str
    """Archive with the code of training jobs."""
    packages_uri: str
    """Archive with what they import beyond their image."""
    topic_arn: str
    model_package_group: str
    schedule_group: str
    scheduler_role_arn: str
    state_machine_arn: str
    kms_key_arn: str
    bedrock_role_arn: str
    """What Bedrock assumes for a job of a run that began before each had roles of its own."""
    job_policies: str
    """ARNs of the policies of a run's training jobs, separated by commas."""
    model_policies: str
    """The same of its models."""
    aws_region: str
    several_instance_types: bool
    """Whether SageMaker is given a choice: InstancePreferences of jobs, InstancePools of endpoints.
    Step Functions has to know these fields, too."""
    max_concurrent_runs: PositiveInt
    max_concurrent_runs_per_spec: PositiveInt
    default_max_budget_usd: NonNegativeFloat
    """Of a run whose spec names none; 0 is no limit."""
    source_sha256: str = ""
    packages_sha256: str = ""
    """Of the two archives; jobs compare before they unpack. The stack always says them."""
    worker_regions: str = ""
    """Other regions for jobs and endpoints, separated by commas; none without worker stacks."""
    private_hosts: str = ""
    """Hosts within private networks that jobs may ask all the same, separated by commas."""
    drain_seconds: int = DRAIN_SECONDS
    """That former endpoints go on answering. The stack sets no other; tests do."""
    large_dataset_bytes: int = LARGE_BYTES
    """A dataset of more is split by a job. The stack sets no other; tests do."""

    @property
    def regions(self) -> tuple[str, ...]:
        """Where jobs and endpoints may be: the stack's own region first."""
        return (self.aws_region, *filter(None, self.worker_regions.split(",")))

    @property
    def account_id(self) -> str:
        return self.state_machine_arn.split(":")[4]

    def role_arn(self, name: str) -> str:
        """ARN of a run's role."""
        partition = self.state_machine_arn.split(":")[1]
        return f"arn:{partition}:iam::{self.account_id}:role{self.role_path}{name}"

    @property
    def role_path(self) -> str:
        """Of the roles of this stack's runs."""
        return self.names.role_path(self.aws_region)

    @property
    def allowed_private_hosts(self) -> tuple[str, ...]:
        return tuple(filter(None, self.private_hosts.split(",")))

    @property
    def account(self) -> str:
        return self.state_machine_arn.split(":")[4]

    @property
    def names(self) -> StackNames:
        return StackNames(self.stack_name)


@cache
def settings() -> Settings:
    """The settings of this function.

    Raises:
        ValueError: naming the variables that are missing.
    """
    return from_environment(Settings, "deploy the stack")


def from_environment(told: type[Told], mend: str) -> Told:
    """What a stack tells a function.

    Args:
        mend: What to do if it does not.

    Raises:
        ValueError: naming the variables that are missing.
    """
    try:
        return told()
    except ValidationError as error:
        missing = ", ".join(str(problem["loc"][0]).upper() for problem in error.errors())
        raise ValueError(f"environment variables missing: {missing}; {mend}") from None
