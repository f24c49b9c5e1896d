"""The deployed stack, found by its name through boto3's own configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stratos.errors import StackNotFound


@dataclass(frozen=True)
class Stack:
    """Outputs of the stack, and clients for what it holds."""

    bucket: str
    runs_table: str
    state_machine_arn: str
    schedule_group: str

    @classmethod
    def find(cls) -> Stack:
        """Read the outputs of the stack named by `STRATOS_STACK` (`Stratos`).

        Raises:
            StackNotFound: with what to set or deploy.
        """
        name = os.environ.get("STRATOS_STACK", "Stratos")
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "AWS")
        try:
            found = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        except (BotoCoreError, ClientError) as error:
            raise StackNotFound(
                f"no stack {name!r} answers at {endpoint} ({error}). Start one on this machine "
                "with `stratos local up` and set AWS_ENDPOINT_URL as it says, or deploy to AWS "
                "with `npx cdk deploy` and set AWS_PROFILE and AWS_REGION."
            ) from error
        outputs = {o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", [])}
        return cls(
            bucket=outputs["Bucket"],
            runs_table=outputs["RunsTable"],
            state_machine_arn=outputs["StateMachineArn"],
            schedule_group=outputs["ScheduleGroup"],
        )

    @cached_property
    def s3(self) -> Any:
        return client("s3")

    @cached_property
    def table(self) -> Any:
        return boto3.resource("dynamodb").Table(self.runs_table)

    @cached_property
    def states(self) -> Any:
        return client("stepfunctions")

    @cached_property
    def sagemaker(self) -> Any:
        return client("sagemaker")


def client(service: str, *, longest_seconds: float | None = None) -> Any:
    """A boto3 client under the user's own configuration.

    Checksums only if an operation requires them: S3-compatible services differ in the rest.

    Args:
        longest_seconds: Wait this long for an answer, without retries; by default, botocore's own
            timeouts and retries.
    """
    config = Config(retries={"mode": "standard"}, request_checksum_calculation="when_required")
    if longest_seconds is not None:
        once = Config(read_timeout=longest_seconds, retries={"total_max_attempts": 1})
        config = config.merge(once)
    return boto3.client(service, config=config)
