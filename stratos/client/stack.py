"""The deployed stack, found through boto3's own configuration: the one named, or the only one."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
)
from botocore.exceptions import ConnectionError as NoConnectionError

from stratos.errors import StackNotFound
from stratos.hosting.names import DEFAULT_STACK, STACK_VARIABLE, StackNames

_OUTPUTS = frozenset({"Bucket", "RunsTable", "StateMachineArn", "ScheduleGroup"})
"""That a stack of ours has, whatever it is called."""
_CONNECT_SECONDS = 10.0
"""The longest that a bounded call waits for a connection."""


@dataclass(frozen=True)
class Stack:
    """Outputs of the stack, and clients for what it holds."""

    bucket: str
    runs_table: str
    state_machine_arn: str
    schedule_group: str
    names: StackNames
    """Of what it makes."""
    topic_arn: str = ""
    """Of what people are told by."""
    worker_regions: tuple[str, ...] = ()
    """Others in which it runs jobs."""
    elsewhere: str = ""
    """The worker region that bucket and clients are of; empty for the stack's own."""
    longest_seconds: float | None = None
    """That a call of its clients may take; None for botocore's own."""

    @classmethod
    def find(
        cls,
        name: str | None = None,
        home: str | None = None,
        longest_seconds: float | None = None,
    ) -> Stack:
        """Read the outputs of the stack that `STRATOS_STACK` names, or of the only one there is.

        Args:
            name: In place of that variable.
            home: The region it stands in; by default, that of boto3's configuration.
            longest_seconds: That a call may take, of its clients, too.

        Raises:
            StackNotFound: with what to set or deploy.
        """
        name = name or os.environ.get(STACK_VARIABLE)
        try:
            stacks = client("cloudformation", longest_seconds=longest_seconds, region=home)
            found = _described(stacks, name) if name else _only_one(stacks)
        except (BotoCoreError, ClientError) as error:
            raise StackNotFound(_why_not(name, home, error, longest_seconds)) from error
        outputs = _outputs(found)
        if lacking := sorted(_OUTPUTS - outputs.keys()):
            raise StackNotFound(
                f"the stack {found['StackName']!r} is none of Stratos: it has no output "
                f"{', '.join(lacking)}"
            )
        return cls(
            bucket=outputs["Bucket"],
            runs_table=outputs["RunsTable"],
            state_machine_arn=outputs["StateMachineArn"],
            schedule_group=outputs["ScheduleGroup"],
            names=StackNames(outputs.get("StackName", DEFAULT_STACK)),
            topic_arn=outputs.get("TopicArn", ""),
            worker_regions=tuple(filter(None, outputs.get("WorkerRegions", "").split(","))),
            longest_seconds=longest_seconds,
        )

    @property
    def region(self) -> str:
        """Where it stands, which its machine's ARN says."""
        return self.state_machine_arn.split(":")[3]

    @property
    def account(self) -> str:
        return self.state_machine_arn.split(":")[4]

    def in_region(self, region: str, longest_seconds: float | None = None) -> Stack:
        """The same with the bucket and the clients of a worker region, if another is named.

        Args:
            longest_seconds: That a call there may take; None as here.
        """
        if region in ("", self.region):
            return self
        return replace(
            self,
            bucket=self.names.worker_bucket(self.account, region),
            elsewhere=region,
            longest_seconds=longest_seconds or self.longest_seconds,
        )

    @cached_property
    def s3(self) -> Any:
        return self.client("s3")

    @cached_property
    def table(self) -> Any:
        longest = self.longest_seconds
        config = None if longest is None else _config(longest)
        tables = boto3.resource("dynamodb", region_name=self.region, config=config)
        return tables.Table(self.runs_table)

    @cached_property
    def states(self) -> Any:
        return client("stepfunctions", region=self.region)

    @cached_property
    def sagemaker(self) -> Any:
        return self.client("sagemaker")

    def client(self, service: str) -> Any:
        """Of the region that it is in."""
        return client(
            service,
            longest_seconds=self.longest_seconds,
            region=self.elsewhere or self.region,
        )


def _described(stacks: Any, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = stacks.describe_stacks(StackName=name)["Stacks"][0]
    return found


def _only_one(stacks: Any) -> Mapping[str, Any]:
    """The account's one stack of ours; the default one for who may not list stacks.

    Raises:
        StackNotFound: there are several, or not even the default one may be read.
    """
    try:
        ours = _ours(stacks)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return _default_one(stacks, error)
    if len(ours) > 1:
        names = ", ".join(sorted(stack["StackName"] for stack in ours))
        raise StackNotFound(
            f"there are several stacks: {names}. Say which one with `stratos --stack NAME …`, or "
            f"set {STACK_VARIABLE}"
        )
    return ours[0] if ours else _described(stacks, DEFAULT_STACK)


def _why_not(
    name: str | None, home: str | None, error: Exception, longest_seconds: float | None
) -> str:
    """Why there is no stack, the cause first, and what to do."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    deploy = (
        "Start one on this machine with `stratos local up` and set what it prints, or deploy to "
        "AWS with `stratos deploy` once AWS_PROFILE and AWS_REGION are set"
    )
    match error:
        case NoRegionError():
            return (
                "no region is set, so no stack can be looked for. Set AWS_REGION to the stack's, "
                "or for the embedded cloud what `stratos local up` prints"
            )
        case NoCredentialsError():
            return (
                "no credentials are set, so no stack can be looked for. Set AWS_PROFILE, or for "
                "the embedded cloud what `stratos local up` prints"
            )
        case NoConnectionError() | HTTPClientError() if endpoint is not None:
            return (
                f"nothing answers at {endpoint}, which AWS_ENDPOINT_URL names: the embedded cloud "
                f"there is down. Run `stratos local up`, and export again what it prints ({error})"
            )
        case ClientError() if name and (similar := _similar(name, home, longest_seconds)):
            return f"there is no stack {name!r} at {endpoint or 'AWS'}; did you mean {similar}?"
        case _:
            wanted = name or DEFAULT_STACK
            return f"no stack {wanted!r} answers at {endpoint or 'AWS'} ({error}). {deploy}"


def _similar(name: str, home: str | None, longest_seconds: float | None) -> str | None:
    """The stack of ours whose name is nearest to this one."""
    try:
        ours = _ours(client("cloudformation", longest_seconds=longest_seconds, region=home))
        names = {stack["StackName"].lower(): str(stack["StackName"]) for stack in ours}
    except (BotoCoreError, ClientError):
        return None
    close = difflib.get_close_matches(name.lower(), names, n=1)
    return names[close[0]] if close else None


def _ours(cloudformation: Any) -> list[Mapping[str, Any]]:
    """The account's stacks that are Stratos."""
    paginator = cloudformation.get_paginator("describe_stacks")
    stacks = [stack for page in paginator.paginate() for stack in page["Stacks"]]
    return [stack for stack in stacks if _outputs(stack).keys() >= _OUTPUTS]


def _default_one(stacks: Any, denied: ClientError) -> Mapping[str, Any]:
    """The default stack, for who may not list stacks.

    Raises:
        StackNotFound: it may not be read either, or is not there.
    """
    try:
        return _described(stacks, DEFAULT_STACK)
    except ClientError as error:
        raise StackNotFound(
            f"you may not list the stacks of this account ({denied}), and {DEFAULT_STACK!r} does "
            f"not answer ({error}). Say which stack with `stratos --stack NAME …`, or set "
            f"{STACK_VARIABLE}"
        ) from error


def _outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def client(service: str, *, longest_seconds: float | None = None, region: str | None = None) -> Any:
    """A boto3 client under the user's own configuration.

    Checksums only if an operation requires them: S3-compatible services differ in the rest.

    Args:
        longest_seconds: Wait this long for an answer, without retries; by default, botocore's own
            timeouts and retries.
        region: Where that is not the configuration's.
    """
    return boto3.client(service, region_name=region, config=_config(longest_seconds))


def _config(longest_seconds: float | None) -> Config:
    config = Config(retries={"mode": "standard"}, request_checksum_calculation="when_required")
    if longest_seconds is None:
        return config
    once = Config(
        connect_timeout=min(longest_seconds, _CONNECT_SECONDS),
        read_timeout=longest_seconds,
        retries={"total_max_attempts": 1},
    )
    return config.merge(once)


def read_credentials_again() -> None:
    """Let clients that are made from now on have the credentials of now."""
    boto3.setup_default_session()
