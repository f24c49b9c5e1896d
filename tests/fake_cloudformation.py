# ruff: noqa: N803  boto3 names arguments so
"""CloudFormation without resources: stacks that take change sets, and end as a test says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError


class FakeCloudFormation:
    """Its API as far as a deployment calls it.

    Attributes:
        changes: What every change set finds, as DescribeChangeSet has it.
        refusal: Why a change set cannot be made; None where it can.
        ends_as: What a stack is after a change set, or its deletion.
        told: Events of resources: logical id, type, status and reason.
    """

    class exceptions:  # noqa: N801  as boto3 has it
        ClientError = ClientError

    def __init__(self, *, told: list[tuple[str, str, str, str]] | None = None) -> None:
        self.stacks: dict[str, dict[str, Any]] = {}
        self.change_sets: dict[str, dict[str, Any]] = {}
        self.resources: list[dict[str, str]] = []
        self.template: dict[str, Any] = {}
        self.changes: list[dict[str, Any]] = []
        self.refusal: str | None = None
        self.ends_as: str | None = None
        self.told = told or []
        self.protected: list[bool] = []
        self._events: list[dict[str, Any]] = []

    def add_stack(self, name: str, status: str, **fields: Any) -> dict[str, Any]:
        stack = {"StackName": name, "StackId": f"arn:{name}", "StackStatus": status, **fields}
        self.stacks[name] = stack
        return stack

    def create_change_set(self, **asked: Any) -> dict[str, str]:
        if asked["ChangeSetType"] == "CREATE":
            self.add_stack(asked["StackName"], "REVIEW_IN_PROGRESS")
        arn = f"arn:set/{asked['StackName']}"
        self.change_sets[arn] = asked
        return {"Id": arn, "StackId": f"arn:{asked['StackName']}"}

    def describe_change_set(self, *, ChangeSetName: str, NextToken: str = "0") -> dict[str, Any]:
        """One change on a page, as if there were many."""
        assert ChangeSetName in self.change_sets
        if self.refusal is not None:
            return {"Status": "FAILED", "StatusReason": self.refusal}
        page = int(NextToken)
        more = {"NextToken": str(page + 1)} if page + 1 < len(self.changes) else {}
        return {"Status": "CREATE_COMPLETE", "Changes": self.changes[page : page + 1], **more}

    def delete_change_set(self, *, ChangeSetName: str) -> None:
        del self.change_sets[ChangeSetName]

    def execute_change_set(self, *, ChangeSetName: str) -> None:
        asked = self.change_sets.pop(ChangeSetName)
        verb = asked["ChangeSetType"]
        self._end(asked["StackName"], self.ends_as or f"{verb}_COMPLETE")

    def delete_stack(self, *, StackName: str) -> None:
        stack = self._stack(StackName)
        self._end(stack["StackName"], self.ends_as or "DELETE_COMPLETE")

    def update_termination_protection(
        self, *, StackName: str, EnableTerminationProtection: bool
    ) -> None:
        self._stack(StackName)
        self.protected.append(EnableTerminationProtection)

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        return {"Stacks": [self._stack(StackName)]}

    def get_template(self, *, StackName: str) -> dict[str, Any]:
        return {"TemplateBody": json.dumps(self.template)}

    def get_paginator(self, operation: str) -> FakeCloudFormation._Pages:
        key, items = {
            "describe_stack_events": ("StackEvents", self._events),
            "list_stack_resources": ("StackResourceSummaries", self.resources),
        }[operation]
        return self._Pages(key, items)

    class _Pages:
        def __init__(self, key: str, items: list[Any]) -> None:
            self._key, self._items = key, items

        def paginate(self, *, StackName: str) -> Iterator[Mapping[str, Any]]:
            yield {self._key: list(self._items)}

    def _stack(self, name: str) -> dict[str, Any]:
        for stack in self.stacks.values():
            gone = stack["StackStatus"] == "DELETE_COMPLETE"
            if name == stack["StackId"] or (name == stack["StackName"] and not gone):
                return stack
        error = {"Code": "ValidationError", "Message": f"Stack with id {name} does not exist"}
        raise ClientError({"Error": error}, "DescribeStacks")

    def _end(self, name: str, status: str) -> None:
        for number, (logical_id, kind, resource_status, reason) in enumerate(self.told):
            event = {"EventId": f"{name}-{len(self._events)}-{number}", "ResourceType": kind}
            event |= {"LogicalResourceId": logical_id, "ResourceStatus": resource_status}
            self._events.insert(0, event | {"ResourceStatusReason": reason})
        self.stacks[name]["StackStatus"] = status
