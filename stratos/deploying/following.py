"""A stack while CloudFormation works on it: each resource as it is done, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stratos.errors import StackFailed
from stratos.waiting import every, wait_until

_POLL_SECONDS = 3.0
_CANCELLED = ("cancelled", "Cancelled")
"""In the reasons of resources that failed only because another had."""
_STACK = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class ResourceEvent:
    """What happened to one resource.

    Attributes:
        status: As CloudFormation has it, such as `CREATE_COMPLETE`.
        reason: Why, of one that failed.
    """

    logical_id: str
    type: str
    status: str
    reason: str

    @property
    def is_done(self) -> bool:
        return not self.status.endswith("_IN_PROGRESS")

    @property
    def is_failed(self) -> bool:
        return self.status.endswith("_FAILED")


@dataclass(frozen=True)
class Watch:
    """Follows one stack from a moment on.

    Attributes:
        seen: Events from before.
    """

    cloudformation: Any
    stack_id: str
    seen: frozenset[str]

    @classmethod
    def begin(cls, cloudformation: Any, stack_id: str) -> Watch:
        """Before whatever is to be followed is asked for."""
        events = _events(cloudformation, stack_id)
        return cls(cloudformation, stack_id, frozenset(event["EventId"] for event in events))

    def follow(
        self,
        tell: Callable[[ResourceEvent], None],
        sleep: Callable[[float], object],
        *,
        wanted: str,
    ) -> Mapping[str, Any]:
        """Wait until CloudFormation is done, telling of each resource, and return the stack.

        The first looks may still show the stack as it was before, so its status counts once the
        stack has told of it in an event of its own.

        Args:
            wanted: The status in which it is to end.

        Raises:
            StackFailed: It did not end as wanted, with the reasons and what became of the stack.
        """
        seen = set(self.seen)
        failed: list[ResourceEvent] = []
        reached = {"DELETE_COMPLETE"}  # of which there is no way back, whoever deleted it

        def look() -> Mapping[str, Any]:
            stack: Mapping[str, Any] = self.cloudformation.describe_stacks(StackName=self.stack_id)[
                "Stacks"
            ][0]
            news = [
                e for e in _events(self.cloudformation, self.stack_id) if e["EventId"] not in seen
            ]
            for event in map(_resource_event, reversed(news)):
                if event.type == _STACK and event.logical_id == stack["StackName"]:
                    reached.add(event.status)
                if event.type != _STACK and event.is_done:
                    failed.extend([event] * event.is_failed)
                    tell(event)
            seen.update(event["EventId"] for event in news)
            return stack

        stack = wait_until(
            look,
            lambda one: (
                not one["StackStatus"].endswith("_IN_PROGRESS") and one["StackStatus"] in reached
            ),
            pauses=every(_POLL_SECONDS),
            sleep=sleep,
        )
        if stack["StackStatus"] != wanted:
            raise StackFailed(_how_it_ended(stack, failed))
        return stack


def _events(cloudformation: Any, stack_id: str) -> list[Mapping[str, Any]]:
    """The events of a stack, newest first."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    return [event for page in pages for event in page["StackEvents"]]


def _resource_event(event: Mapping[str, Any]) -> ResourceEvent:
    return ResourceEvent(
        logical_id=event["LogicalResourceId"],
        type=event["ResourceType"],
        status=event["ResourceStatus"],
        reason=event.get("ResourceStatusReason") or "",
    )


_OUTCOMES = {
    "ROLLBACK_COMPLETE": (
        "what it had made is deleted again, but for what holds data. Remove the rest with "
        "`stratos destroy`, mend the cause, and deploy again"
    ),
    "UPDATE_ROLLBACK_COMPLETE": "the stack is again what it was before",
    "ROLLBACK_FAILED": "not all that it had made could be deleted; run `stratos destroy`",
    "UPDATE_ROLLBACK_FAILED": (
        "it could not be brought back to what it was; continue the rollback in CloudFormation's "
        "console, which lets you skip resources"
    ),
    "DELETE_FAILED": "the rest is deleted; mend the cause, and repeat the command",
}


def _how_it_ended(stack: Mapping[str, Any], failed: list[ResourceEvent]) -> str:
    causes = [one for one in failed if not any(word in one.reason for word in _CANCELLED)] or failed
    told = "; ".join(f"{one.logical_id} ({one.type}): {one.reason}" for one in causes)
    status = stack["StackStatus"]
    reason = told or stack.get("StackStatusReason") or "no resource failed"
    outcome = _OUTCOMES.get(status, "CloudFormation's console shows its events")
    return f"{stack['StackName']} ended as {status}: {reason}. Now {outcome}"


def describe(cloudformation: Any, name: str) -> Mapping[str, Any] | None:
    """A stack as it stands; None if there is none, or no more than the shell of a change set."""
    stack = look_up(cloudformation, name)
    return None if stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS" else stack


def look_up(cloudformation: Any, name: str) -> Mapping[str, Any] | None:
    """A stack as it stands, be it no more than a shell; None if there is none."""
    try:
        stack: Mapping[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except cloudformation.exceptions.ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    return stack


def resources_of(cloudformation: Any, stack_name: str) -> Iterator[Mapping[str, Any]]:
    """The resources that a stack has, with their physical ids."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_name)
    for page in pages:
        yield from page["StackResourceSummaries"]
