"""The deployed stack, found through boto3's own configuration: the one named, or the only one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stratos.errors import StackNotFound
from stratos.hosting.names import DEFAULT_STACK, StackNames

STACK_VARIABLE = "STRATOS_STACK"
_OUTPUTS = frozenset({"Bucket", "RunsTable", "StateMachineArn", "ScheduleGroup"})
"""That a stack of ours has, whatever it is called."""


@dataclass(frozen=True)
class Stack:
    """Outputs of the stack, and clients for what it holds."""

    bucket: str
    runs_table: str
    state_machine_arn: str
    schedule_group: str
    names: StackNames
    """Of what it makes."""

    @classmethod
    def find(cls) -> Stack:
        """Read the outputs of the stack that `STRATOS_STACK` names, or of the only one there is.

        Raises:
            StackNotFound: with what to set or deploy.
        """
        name = os.environ.get(STACK_VARIABLE)
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "AWS")
        try:
            found = _described(name) if name else _only_one()
        except (BotoCoreError, ClientError) as error:
            raise StackNotFound(
                f"no stack {name or DEFAULT_STACK!r} answers at {endpoint} ({error}). Start one on "
                "this machine with `stratos local up` and set AWS_ENDPOINT_URL as it says, or "
                "deploy to AWS with `npx cdk deploy` and set AWS_PROFILE and AWS_REGION."
            ) from error
        outputs = _outputs(found)
        return cls(
            bucket=outputs["Bucket"],
            runs_table=outputs["RunsTable"],
            state_machine_arn=outputs["StateMachineArn"],
            schedule_group=outputs["ScheduleGroup"],
            names=StackNames(outputs.get("StackName", DEFAULT_STACK)),
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


def _described(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    return found


def _only_one() -> Mapping[str, Any]:
    """The account's one stack of ours; the default one for who may not list stacks.

    Raises:
        StackNotFound: there are several, or not even the default one may be read.
    """
    paginator = client("cloudformation").get_paginator("describe_stacks")
    try:
        stacks = [stack for page in paginator.paginate() for stack in page["Stacks"]]
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return _default_one(error)
    ours = [stack for stack in stacks if _outputs(stack).keys() >= _OUTPUTS]
    if len(ours) > 1:
        names = ", ".join(sorted(stack["StackName"] for stack in ours))
        raise StackNotFound(
            f"there are several stacks: {names}. Say which one with `stratos --stack NAME …`, or "
            f"set {STACK_VARIABLE}"
        )
    return ours[0] if ours else _described(DEFAULT_STACK)


def _default_one(denied: ClientError) -> Mapping[str, Any]:
    """The default stack, for who may not list stacks.

    Raises:
        StackNotFound: it may not be read either, or is not there.
    """
    try:
        return _described(DEFAULT_STACK)
    except ClientError as error:
        raise StackNotFound(
            f"you may not list the stacks of this account ({denied}), and {DEFAULT_STACK!r} does "
            f"not answer ({error}). Say which stack with `stratos --stack NAME …`, or set "
            f"{STACK_VARIABLE}"
        ) from error


def _outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


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
