"""Change sets: what would change, the change with its events, and the way back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto_cloud import Cloud
from stacks import POLICY, ROLE_BEHIND_TOPIC, HeldRole, Stack, ref

from stratos.deploying.changes import change_sets_of
from tests.patience import eventually

TOPIC: dict[str, Any] = {"Type": "AWS::SNS::Topic"}
BROKEN = {
    "Type": "AWS::S3::BucketPolicy",
    "Properties": {"Bucket": "nowhere", "PolicyDocument": POLICY},
}


class Proposals:
    """Change sets of one stack."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self.api = cloud("cloudformation")
        self.name = name

    def propose(
        self,
        resources: Mapping[str, Any],
        *,
        creates: bool = False,
        given: Mapping[str, str | None] | None = None,
        **template: Any,
    ) -> dict[str, Any]:
        """A change set as described. Of what is given, None is what it was."""
        parameters = [
            {"ParameterKey": key, "UsePreviousValue": True}
            if value is None
            else {"ParameterKey": key, "ParameterValue": value}
            for key, value in (given or {}).items()
        ]
        made = self.api.create_change_set(
            StackName=self.name,
            ChangeSetName="next",
            ChangeSetType="CREATE" if creates else "UPDATE",
            TemplateBody=json.dumps({"Resources": resources, **template}),
            Parameters=parameters,
        )
        return dict(self.api.describe_change_set(ChangeSetName=made["Id"]))

    def carry_out(self, proposed: Mapping[str, Any]) -> dict[str, Any]:
        """The stack when it has settled."""
        self.api.execute_change_set(ChangeSetName=proposed["ChangeSetId"])

        def settled() -> dict[str, Any] | None:
            [stack] = self.api.describe_stacks(StackName=proposed["StackId"])["Stacks"]
            return None if stack["StackStatus"].endswith("_IN_PROGRESS") else stack

        return eventually(settled, pause=0.02)

    def create(self, resources: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        return self.carry_out(self.propose(resources, creates=True, **more))

    def events(self, stack: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Resource and status, oldest first."""
        found = self.api.describe_stack_events(StackName=stack["StackId"])["StackEvents"]
        return [(event["LogicalResourceId"], event["ResourceStatus"]) for event in found[::-1]]


@pytest.fixture
def proposals(cloud: Cloud, stack: Stack) -> Proposals:
    return Proposals(cloud, stack.name)


def actions(proposed: Mapping[str, Any]) -> dict[str, tuple[str, str | None, str | None]]:
    changes = [change["ResourceChange"] for change in proposed["Changes"]]
    return {
        one["LogicalResourceId"]: (
            one["Action"],
            one.get("Replacement"),
            one.get("PolicyAction"),
        )
        for one in changes
    }


def test_a_new_stack_is_reviewed_then_made_with_an_event_for_each_resource(
    proposals: Proposals,
) -> None:
    proposed = proposals.propose(
        {"First": TOPIC}, creates=True, Outputs={"T": {"Value": ref("First")}}
    )
    assert actions(proposed) == {"First": ("Add", None, None)}
    [shell] = proposals.api.describe_stacks(StackName=proposals.name)["Stacks"]
    assert shell["StackStatus"] == "REVIEW_IN_PROGRESS"
    made = proposals.carry_out(proposed)
    assert made["StackStatus"] == "CREATE_COMPLETE"
    assert made["Outputs"][0]["OutputValue"].startswith("arn:aws:sns:")
    assert proposals.events(made)[-3:] == [
        ("First", "CREATE_IN_PROGRESS"),
        ("First", "CREATE_COMPLETE"),
        (proposals.name, "CREATE_COMPLETE"),
    ]


def test_the_change_sets_of_a_stack_are_listed_and_of_no_other(
    cloud: Cloud, proposals: Proposals
) -> None:
    mine = proposals.propose({"First": TOPIC}, creates=True)
    other = Proposals(cloud, f"{proposals.name}Other")
    other.propose({"First": TOPIC}, creates=True)
    assert change_sets_of(proposals.api, mine["StackId"]) == {mine["ChangeSetId"]}
    other.api.delete_stack(StackName=other.name)
    proposals.carry_out(mine)
    assert change_sets_of(proposals.api, proposals.name) == set()


def test_changes_say_what_is_replaced_and_what_is_kept(cloud: Cloud, proposals: Proposals) -> None:
    kept = TOPIC | {"DeletionPolicy": "Retain"}
    board = {"DashboardName": "a", "DashboardBody": "{}"}
    before = {
        "Kept": kept,
        "Gone": TOPIC,
        "Board": {"Type": "AWS::CloudWatch::Dashboard", "Properties": board},
        "Same": TOPIC,
    }
    proposals.create(before)
    after = {
        "Board": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": board | {"DashboardName": "b"},
        },
        "Same": TOPIC,
        "New": TOPIC | {"Properties": {"DisplayName": "t"}},
    }
    assert actions(proposals.propose(after)) == {
        "Board": ("Modify", "True", None),
        "Gone": ("Remove", None, "Delete"),
        "Kept": ("Remove", None, "Retain"),
        "New": ("Add", None, None),
    }
    [topic] = [
        one["TopicArn"] for one in cloud("sns").list_topics()["Topics"] if "Kept" in one["TopicArn"]
    ]
    cloud("sns").delete_topic(TopicArn=topic)


def test_a_parameter_changes_what_refers_to_it_and_nothing_else(proposals: Proposals) -> None:
    declared = {"Parameters": {"Names": {"Type": "CommaDelimitedList", "Default": "a"}}}
    named = TOPIC | {"Properties": {"DisplayName": {"Fn::Select": [0, ref("Names")]}}}
    resources = {"Named": named, "Other": TOPIC}
    proposals.create(resources, given={"Names": "x,y"}, **declared)
    unchanged = proposals.propose(resources, given={"Names": None}, **declared)
    assert (unchanged["Status"], unchanged["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert "didn't contain changes" in unchanged["StatusReason"]
    changed = proposals.propose(resources, given={"Names": "z"}, **declared)
    assert actions(changed) == {"Named": ("Modify", "False", None)}


def test_a_value_that_the_template_refuses_is_refused_before_anything_is_made(
    proposals: Proposals,
) -> None:
    declared = {"Parameters": {"Mode": {"Type": "String", "AllowedValues": ["a"], "Default": "a"}}}
    with pytest.raises(ClientError, match="must be one of a"):
        proposals.propose({"First": TOPIC}, creates=True, given={"Mode": "b"}, **declared)
    with pytest.raises(ClientError, match=r"\[Unknown\] do not exist in the template"):
        proposals.propose({"First": TOPIC}, creates=True, given={"Unknown": "b"})
    with pytest.raises(ClientError, match="does not exist"):
        proposals.api.describe_stacks(StackName=proposals.name)


def test_a_stack_that_cannot_be_made_is_rolled_back_with_the_reason(
    cloud: Cloud, proposals: Proposals
) -> None:
    made = proposals.create({"First": TOPIC, "Policy": BROKEN})
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    assert ("Policy", "CREATE_FAILED") in proposals.events(made)
    assert ("First", "DELETE_COMPLETE") in proposals.events(made)
    assert cloud("sns").list_topics()["Topics"] == []


def test_a_change_that_fails_leaves_the_stack_as_it_was(cloud: Cloud, proposals: Proposals) -> None:
    proposals.create({"First": TOPIC})
    changed = proposals.carry_out(proposals.propose({"Second": TOPIC, "Policy": BROKEN}))
    assert changed["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    [topic] = cloud("sns").list_topics()["Topics"]
    assert "First" in topic["TopicArn"]
    again = proposals.carry_out(proposals.propose({"First": TOPIC, "Second": TOPIC}))
    assert again["StackStatus"] == "UPDATE_COMPLETE"


def test_whoever_looks_at_a_stack_while_a_change_set_is_carried_out_makes_nothing_twice(
    cloud: Cloud, proposals: Proposals, held_role: HeldRole
) -> None:
    outputs = {"Topic": {"Value": ref("Topic")}}
    made = proposals.propose({"Topic": TOPIC}, creates=True, Outputs=outputs)
    proposals.carry_out(made)
    stack = Stack(cloud, proposals.name)
    before = stack.outputs()
    resources = {"Topic": TOPIC, "Role": ROLE_BEHIND_TOPIC}
    changed = proposals.propose(resources, Outputs={"Topic": {"Value": ref("Role")}})
    with ThreadPoolExecutor(1) as pool, held_role:
        changing = pool.submit(proposals.carry_out, changed)
        held_role.await_beginning()
        assert (stack.outputs(), stack.types()) == (before, {"AWS::SNS::Topic"})
        held_role.go_on()
        assert changing.result()["StackStatus"] == "UPDATE_COMPLETE"
    assert stack.outputs() != before
    assert held_role.num_made == 1


def test_a_change_set_is_carried_out_once(proposals: Proposals) -> None:
    proposed = proposals.propose({"First": TOPIC}, creates=True)
    proposals.carry_out(proposed)
    with pytest.raises(ClientError, match="cannot be executed"):
        proposals.carry_out(proposed)


def test_a_deleted_stack_still_lists_what_it_left(cloud: Cloud, proposals: Proposals) -> None:
    made = proposals.create({"Kept": TOPIC | {"DeletionPolicy": "Retain"}, "Gone": TOPIC})
    proposals.api.delete_stack(StackName=proposals.name)
    left = proposals.api.list_stack_resources(StackName=made["StackId"])["StackResourceSummaries"]
    assert [one["LogicalResourceId"] for one in left] == ["Kept"]
    topics = [one["TopicArn"] for one in cloud("sns").list_topics()["Topics"]]
    assert left[0]["PhysicalResourceId"] in topics
    cloud("sns").delete_topic(TopicArn=left[0]["PhysicalResourceId"])


def test_a_protected_stack_is_not_deleted(proposals: Proposals) -> None:
    proposals.create({"First": TOPIC})
    for protected in (True, False):
        proposals.api.update_termination_protection(
            StackName=proposals.name, EnableTerminationProtection=protected
        )
        [stack] = proposals.api.describe_stacks(StackName=proposals.name)["Stacks"]
        assert stack["EnableTerminationProtection"] is protected
        if protected:
            with pytest.raises(ClientError, match="TerminationProtection is enabled"):
                proposals.api.delete_stack(StackName=proposals.name)
    proposals.api.delete_stack(StackName=proposals.name)
    with pytest.raises(ClientError, match="does not exist"):
        proposals.api.describe_stacks(StackName=proposals.name)


def test_a_stack_that_cannot_be_deleted_stays_and_says_why(
    cloud: Cloud, proposals: Proposals
) -> None:
    made = proposals.create({"Full": {"Type": "AWS::S3::Bucket"}})
    [resource] = proposals.api.list_stack_resources(StackName=proposals.name)[
        "StackResourceSummaries"
    ]
    bucket = resource["PhysicalResourceId"]
    cloud("s3").put_object(Bucket=bucket, Key="k", Body=b"")
    proposals.api.delete_stack(StackName=proposals.name)
    [stack] = proposals.api.describe_stacks(StackName=proposals.name)["Stacks"]
    assert stack["StackStatus"] == "DELETE_FAILED"
    assert ("Full", "DELETE_FAILED") in proposals.events(made)
    cloud("s3").delete_object(Bucket=bucket, Key="k")


def test_a_template_is_read_from_a_bucket_of_this_cloud(cloud: Cloud, proposals: Proposals) -> None:
    cloud("s3").create_bucket(Bucket="templates")
    text = json.dumps({"Resources": {"First": TOPIC}})
    cloud("s3").put_object(Bucket="templates", Key="a/b.json", Body=text.encode())
    made = proposals.api.create_change_set(
        StackName=proposals.name,
        ChangeSetName="next",
        ChangeSetType="CREATE",
        TemplateURL=f"{cloud.settings.endpoint_url}/templates/a/b.json",
    )
    proposed = proposals.api.describe_change_set(ChangeSetName=made["Id"])
    assert actions(proposed) == {"First": ("Add", None, None)}
