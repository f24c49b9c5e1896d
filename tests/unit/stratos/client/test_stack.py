"""Finding the stack."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws

from stratos.client.stack import Stack
from stratos.errors import StackNotFound
from stratos.hosting.names import STACK_VARIABLE

OUTPUTS = ("Bucket", "RunsTable", "StateMachineArn", "ScheduleGroup")


def test_no_stack_says_how_to_get_one(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws(), pytest.raises(StackNotFound, match="stratos local up"):
        Stack.find()


@pytest.fixture
def account(monkeypatch):
    """An account without a stack."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv(STACK_VARIABLE, raising=False)
    with mock_aws():
        yield boto3.client("cloudformation")


def deploy(cloudformation, name: str, **outputs: str) -> None:
    told = {key: f"{name}-{key}" for key in OUTPUTS} | outputs
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {key: {"Value": value} for key, value in told.items()},
    }
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))


def test_the_only_stack_is_found_whatever_it_is_called(account):
    deploy(account, "StratosDev", StackName="StratosDev")
    account.create_stack(
        StackName="Another",
        TemplateBody='{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}',
    )
    stack = Stack.find()
    assert stack.bucket == "StratosDev-Bucket"
    assert stack.names.prefix == "stratosdev"


def test_a_stack_of_before_there_could_be_two_has_the_default_names(account):
    deploy(account, "Stratos")
    assert Stack.find().names.prefix == "stratos"


def test_of_several_stacks_one_must_be_named(account, monkeypatch):
    for name in ("Stratos", "StratosDev"):
        deploy(account, name, StackName=name)
    with pytest.raises(StackNotFound, match="several stacks: Stratos, StratosDev"):
        Stack.find()
    monkeypatch.setenv(STACK_VARIABLE, "StratosDev")
    assert Stack.find().bucket == "StratosDev-Bucket"


@pytest.fixture
def denied(account, monkeypatch):
    """An account whose stacks the caller may not list."""
    denied = ClientError({"Error": {"Code": "AccessDenied"}}, "DescribeStacks")

    class Denied:
        def paginate(self):
            raise denied

    def client(service, **_options):
        account.get_paginator = lambda operation: Denied()
        return account

    monkeypatch.setattr("stratos.client.stack.client", client)


@pytest.mark.usefixtures("denied")
def test_who_may_not_list_stacks_finds_the_default_one(account):
    deploy(account, "Stratos")
    assert Stack.find().bucket == "Stratos-Bucket"


def test_a_misspelt_name_is_answered_with_the_one_that_is_there(account, monkeypatch):
    deploy(account, "StratosDev", StackName="StratosDev")
    for name in ("stratosdev", "StratosDve"):
        monkeypatch.setenv(STACK_VARIABLE, name)
        with pytest.raises(StackNotFound, match=f"no stack '{name}'.*did you mean StratosDev"):
            Stack.find()
    monkeypatch.setenv(STACK_VARIABLE, "Production")
    with pytest.raises(StackNotFound, match="no stack 'Production' answers"):
        Stack.find()


def test_a_similar_name_is_looked_for_no_longer_than_the_caller_waits(account, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "stratos.client.stack.client",
        lambda *_, longest_seconds=None, **__: asked.append(longest_seconds) or account,
    )
    with pytest.raises(StackNotFound):
        Stack.find("StratosDve", longest_seconds=5.0)
    assert asked == [5.0, 5.0]


def test_a_stack_of_something_else_is_told(account, monkeypatch):
    account.create_stack(
        StackName="Another",
        TemplateBody='{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}',
    )
    monkeypatch.setenv(STACK_VARIABLE, "Another")
    with pytest.raises(StackNotFound, match="'Another' is none of Stratos"):
        Stack.find()


def test_without_a_region_that_is_what_is_told_first(monkeypatch, tmp_path):
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(StackNotFound, match=r"^no region is set.* AWS_REGION"):
        Stack.find()


def test_a_stopped_embedded_cloud_is_said_to_be_down(monkeypatch):
    url = "http://127.0.0.1:1"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setattr("stratos.client.stack.client", once)
    with pytest.raises(StackNotFound, match=f"^nothing answers at {url}.*is down.*export again"):
        Stack.find()


def once(service: str, **_options: object):
    """A client that does not wait and ask again."""
    return boto3.client(service, config=Config(retries={"total_max_attempts": 1}))


@pytest.mark.usefixtures("denied")
def test_who_may_not_list_stacks_is_told_to_name_one_where_the_default_one_is_not_there(account):
    deploy(account, "StratosDev")
    with pytest.raises(StackNotFound, match=f"--stack NAME …`, or set {STACK_VARIABLE}"):
        Stack.find()
