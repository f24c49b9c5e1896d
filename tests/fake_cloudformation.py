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
        proposer: Whose the change sets are that are made now; empty for the only one there is.
        stale_looks: How many looks at a stack show it as it was before its latest change.
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
        self.proposer = ""
        self.stale_looks = 0
        self._events: list[dict[str, Any]] = []

    def add_stack(self, name: str, status: str, **fields: Any) -> dict[str, Any]:
        stack = {"StackName": name, "StackId": f"arn:{name}", "StackStatus": status, **fields}
        self.stacks[name] = stack
        return stack

    def create_change_set(self, **asked: Any) -> dict[str, str]:
        name = asked["StackName"]
        shell = self.stacks.get(name, {}).get("StackStatus") == "REVIEW_IN_PROGRESS"
        if asked["ChangeSetType"] == "CREATE" and not shell:
            self.add_stack(asked["StackName"], "REVIEW_IN_PROGRESS")
        arn = f"arn:set/{asked['StackName']}"
        arn += f"/{self.proposer}" * bool(self.proposer)
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
        self.change_sets.pop(ChangeSetName, None)

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
        stack = self._stack(StackName)
        stack["EnableTerminationProtection"] = EnableTerminationProtection
        self.protected.append(EnableTerminationProtection)

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        stack = self._stack(StackName)
        if self.stale_looks and "Before" in stack:
            self.stale_looks -= 1
            return {"Stacks": [stack | {"StackStatus": stack["Before"]}]}
        return {"Stacks": [stack]}

    def get_template(self, *, StackName: str) -> dict[str, Any]:
        return {"TemplateBody": json.dumps(self.template)}

    def get_paginator(self, operation: str) -> FakeCloudFormation._Pages:
        return self._Pages(self, operation)

    class _Pages:
        def __init__(self, cloudformation: FakeCloudFormation, operation: str) -> None:
            self._of, self._operation = cloudformation, operation

        def paginate(self, *, StackName: str = "", **_: Any) -> Iterator[Mapping[str, Any]]:
            if self._operation == "list_stacks":  # asked for deleted ones alone
                deleted = [{"DeletionTime": 1} | one for one in self._of.stacks.values()]
                gone = [one for one in deleted if one["StackStatus"] == "DELETE_COMPLETE"]
                yield {"StackSummaries": gone}
                return
            name = self._of._stack(StackName)["StackName"]
            match self._operation:
                case "describe_stack_events":
                    told = self._of._events
                    yield {"StackEvents": [one for one in told if one["StackName"] == name]}
                case "list_stack_resources":
                    yield {"StackResourceSummaries": list(self._of.resources)}
                case "list_change_sets":
                    sets = self._of.change_sets.items()
                    ids = [arn for arn, asked in sets if asked["StackName"] == name]
                    yield {"Summaries": [{"ChangeSetId": arn} for arn in ids]}

    def _stack(self, name: str) -> dict[str, Any]:
        for stack in self.stacks.values():
            gone = stack["StackStatus"] == "DELETE_COMPLETE"
            if name == stack["StackId"] or (name == stack["StackName"] and not gone):
                return stack
        error = {"Code": "ValidationError", "Message": f"Stack with id {name} does not exist"}
        raise ClientError({"Error": error}, "DescribeStacks")

    def _end(self, name: str, status: str) -> None:
        itself = (name, "AWS::CloudFormation::Stack", status, "")
        for number, (logical_id, kind, resource_status, reason) in enumerate((*self.told, itself)):
            event = {"EventId": f"{name}-{len(self._events)}-{number}", "ResourceType": kind}
            event |= {"LogicalResourceId": logical_id, "ResourceStatus": resource_status}
            self._events.insert(0, event | {"ResourceStatusReason": reason, "StackName": name})
        self.stacks[name] |= {"Before": self.stacks[name]["StackStatus"], "StackStatus": status}
