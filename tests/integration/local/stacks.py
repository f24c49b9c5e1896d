"""Stacks of tests, made of resources alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from moto_cloud import Cloud

from infra.local.cloudformation.resources.handler import Physical
from infra.local.cloudformation.resources.identity import IAMRole

Resources = Mapping[str, Any]


class Stack:
    """One stack of a test, created and updated from resources alone."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self._cloudformation = cloud("cloudformation")
        self.name = name

    def create(self, resources: Resources, **outputs: Any) -> dict[str, str]:
        return self._apply(self._cloudformation.create_stack, resources, outputs)

    def update(self, resources: Resources, **outputs: Any) -> dict[str, str]:
        return self._apply(self._cloudformation.update_stack, resources, outputs)

    def delete(self) -> None:
        self._cloudformation.delete_stack(StackName=self.name)

    def status(self) -> str:
        return self._describe()["StackStatus"]

    def outputs(self) -> dict[str, str]:
        return {one["OutputKey"]: one["OutputValue"] for one in self._describe().get("Outputs", [])}

    def types(self) -> set[str]:
        """Of the resources that are there."""
        found = self._cloudformation.describe_stack_resources(StackName=self.name)
        return {one["ResourceType"] for one in found["StackResources"]}

    def _describe(self) -> Any:
        return self._cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]

    def _apply(self, action: Any, resources: Resources, outputs: Any) -> dict[str, str]:
        template = {
            "Resources": resources,
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        action(StackName=self.name, TemplateBody=json.dumps(template))
        return self.outputs()


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def arn(name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, "Arn"]}


class HeldRole:
    """Roles of stacks, each of which is made once a test lets it. A context manager: at its end
    all may."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.num_made = 0
        self._begun, self._may = threading.Event(), threading.Event()
        self._original = IAMRole.create
        monkeypatch.setattr(IAMRole, "create", self._create)

    def __enter__(self) -> HeldRole:
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on()

    def await_beginning(self) -> None:
        assert self._begun.wait(60)

    def go_on(self) -> None:
        self._may.set()

    def _create(self, cloud: Any, name: str, properties: Any) -> Physical:
        self.num_made += 1
        self._begun.set()
        assert self._may.wait(60)
        return self._original(IAMRole(), cloud, name, properties)


TOPIC = {"Type": "AWS::SNS::Topic"}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}
ROLE_BEHIND_TOPIC = {
    "Type": "AWS::IAM::Role",
    "DependsOn": "Topic",
    "Properties": {"AssumeRolePolicyDocument": POLICY},
}
