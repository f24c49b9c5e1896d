"""Stacks: created, updated by what really changed, and deleted."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from assembly import ROLE
from botocore.exceptions import ClientError
from moto.cloudformation import parsing
from moto_cloud import Cloud
from stacks import POLICY, ROLE_BEHIND_TOPIC, TOPIC, HeldRole, Stack, arn, ref

from infra.local.cloudformation.stacks import CloudFormation
from infra.local.host.settings import ACCOUNT_ID, LocalSettings


def test_a_type_that_nobody_handles_is_an_error_that_names_it(stack: Stack) -> None:
    with pytest.raises(ClientError, match="AWS::Pipes::Pipe is not supported"):
        stack.create({"Pipe": {"Type": "AWS::Pipes::Pipe", "Properties": {}}})
    stack.delete()
    with pytest.raises(ClientError, match="Custom::Thing is not supported"):
        stack.create({"Thing": {"Type": "Custom::Thing", "Properties": {}}})


def test_a_resource_that_fails_is_named_with_the_services_message(stack: Stack) -> None:
    policy = {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": "nowhere", "PolicyDocument": POLICY},
    }
    with pytest.raises(ClientError, match=r"Policy \(AWS::S3::BucketPolicy\): .*NoSuchBucket"):
        stack.create({"Policy": policy})
    assert stack.status() == "CREATE_FAILED"


def test_who_refers_to_a_changed_resource_is_updated_with_it(cloud: Cloud, stack: Stack) -> None:
    parameter = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {
            "Name": "/reference",
            "Type": "String",
            "Value": {"Fn::Join": [":", [ref("Board"), "x"]]},
        },
    }
    board = {"DashboardName": "first", "DashboardBody": "{}"}
    resources = {
        "A": parameter,
        "Board": {"Type": "AWS::CloudWatch::Dashboard", "Properties": board},
    }
    stack.create(resources)
    board["DashboardName"] = "second"
    stack.update(resources)
    assert cloud("ssm").get_parameter(Name="/reference")["Parameter"]["Value"] == "second:x"
    boards = cloud("cloudwatch").list_dashboards()["DashboardEntries"]
    assert [entry["DashboardName"] for entry in boards] == ["second"]


def test_a_failed_update_is_resumed_by_the_next_one(cloud: Cloud, stack: Stack) -> None:
    topic = {"Type": "AWS::SNS::Topic"}
    stack.create({"First": topic})
    bad = {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": "nowhere", "PolicyDocument": POLICY},
    }
    with pytest.raises(ClientError, match="NoSuchBucket"):
        stack.update({"First": topic, "Second": topic, "Bad": bad})
    assert stack.status() == "UPDATE_FAILED"
    stack.update({"Second": topic})
    assert stack.status() == "UPDATE_COMPLETE"
    assert len(cloud("sns").list_topics()["Topics"]) == 1


def test_what_is_retained_outlives_its_stack_and_the_same_names_come_back(
    cloud: Cloud, stack: Stack
) -> None:
    kept = {"Type": "AWS::SNS::Topic", "DeletionPolicy": "Retain"}
    resources = {"Kept": kept, "Gone": {"Type": "AWS::SNS::Topic"}}
    made = stack.create(resources, Kept=ref("Kept"), Gone=ref("Gone"))
    stack.delete()
    topics = [topic["TopicArn"] for topic in cloud("sns").list_topics()["Topics"]]
    assert topics == [made["Kept"]]
    assert stack.create(resources, Kept=ref("Kept"), Gone=ref("Gone")) == made
    cloud("sns").delete_topic(TopicArn=made["Kept"])


def test_conditions_and_no_value_leave_things_out(cloud: Cloud) -> None:
    template = {
        "Parameters": {"Mail": {"Type": "String", "Default": ""}},
        "Conditions": {"HasMail": {"Fn::Not": [{"Fn::Equals": [ref("Mail"), ""]}]}},
        "Resources": {
            "News": {
                "Type": "AWS::SNS::Topic",
                "Properties": {
                    "DisplayName": {"Fn::If": ["HasMail", ref("Mail"), ref("AWS::NoValue")]}
                },
            },
            "Extra": {"Type": "AWS::SNS::Topic", "Condition": "HasMail"},
        },
    }
    cloudformation = cloud("cloudformation")
    body = json.dumps(template)
    mail = [{"ParameterKey": "Mail", "ParameterValue": "me@example.com"}]
    try:
        cloudformation.create_stack(StackName="conditional", TemplateBody=body)
        assert len(cloud("sns").list_topics()["Topics"]) == 1
        cloudformation.update_stack(StackName="conditional", TemplateBody=body, Parameters=mail)
        topics = [topic["TopicArn"] for topic in cloud("sns").list_topics()["Topics"]]
        names = {
            cloud("sns").get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"]
            for topic in topics
        }
        assert names == {"me@example.com", ""}
    finally:
        cloudformation.delete_stack(StackName="conditional")


def test_long_names_are_cut_to_what_the_service_takes(cloud: Cloud, stack: Stack) -> None:
    logical_id = "Role" + "x" * 80
    made = stack.create({logical_id: ROLE}, Name=ref(logical_id), Arn=arn(logical_id))
    assert len(made["Name"]) <= 64
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT_ID}:role/{made['Name']}"


def test_a_yaml_template_has_short_forms_and_makes_no_python_objects(cloud: Cloud) -> None:
    cloudformation = cloud("cloudformation")
    short = """
    Resources:
      News: {Type: AWS::SNS::Topic}
    Outputs:
      Arn: {Value: !Ref News}
      Name: {Value: !GetAtt News.TopicName}
      Text: {Value: !Sub "topic ${News}"}
    """
    try:
        cloudformation.create_stack(StackName="short", TemplateBody=short)
        (made,) = cloudformation.describe_stacks(StackName="short")["Stacks"]
        values = {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}
        assert values["Arn"].endswith(values["Name"])
        assert values["Text"] == f"topic {values['Arn']}"
    finally:
        cloudformation.delete_stack(StackName="short")
    with pytest.raises(ClientError, match="Template format error: could not determine a const"):
        cloudformation.create_stack(
            StackName="unsafe", TemplateBody="Resources: !!python/object/apply:os.getcwd []"
        )


@pytest.mark.parametrize("change", ["create", "update"])
def test_whoever_looks_at_a_stack_that_is_made_or_updated_makes_nothing_twice(
    stack: Stack, held_role: HeldRole, change: str
) -> None:
    resources = {"Topic": TOPIC, "Role": ROLE_BEHIND_TOPIC}
    if change == "update":
        stack.create({"Topic": TOPIC}, Arn=ref("Topic"))
    with ThreadPoolExecutor(1) as pool, held_role:
        changing = pool.submit(getattr(stack, change), resources, Arn=arn("Role"))
        held_role.await_beginning()
        assert stack.status() == f"{change.upper()}_IN_PROGRESS"
        assert stack.outputs().keys() == ({"Arn"} if change == "update" else set())
        assert stack.types() == {"AWS::SNS::Topic"}
        held_role.go_on()
        assert ":role/" in changing.result()["Arn"]
    assert held_role.num_made == 1


def test_whoever_looks_at_a_stack_that_could_not_be_updated_makes_nothing(stack: Stack) -> None:
    bad = {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": "nowhere", "PolicyDocument": POLICY},
    }
    first = stack.create({"First": TOPIC}, Topic=ref("First"))
    late = {"Type": "AWS::SQS::Queue", "DependsOn": "Bad"}
    with pytest.raises(ClientError, match="NoSuchBucket"):
        stack.update({"First": TOPIC, "Bad": bad, "Late": late}, Topic=ref("Late"))
    assert (stack.status(), stack.outputs(), stack.types()) == (
        "UPDATE_FAILED",
        first,
        {"AWS::SNS::Topic"},
    )


def test_closing_gives_moto_back() -> None:
    seam = CloudFormation()
    before = parsing.resource_class_from_type
    seam.install(LocalSettings(port=1))
    assert parsing.resource_class_from_type is not before
    seam.close()
    assert parsing.resource_class_from_type is before
