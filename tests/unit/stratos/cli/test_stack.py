"""Finding the stack."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from stratos.cli.stack import STACK_VARIABLE, Stack
from stratos.errors import StackNotFound

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

    def client(service):
        account.get_paginator = lambda operation: Denied()
        return account

    monkeypatch.setattr("stratos.cli.stack.client", client)


@pytest.mark.usefixtures("denied")
def test_who_may_not_list_stacks_finds_the_default_one(account):
    deploy(account, "Stratos")
    assert Stack.find().bucket == "Stratos-Bucket"


@pytest.mark.usefixtures("denied")
def test_who_may_not_list_stacks_is_told_to_name_one_where_the_default_one_is_not_there(account):
    deploy(account, "StratosDev")
    with pytest.raises(StackNotFound, match=f"--stack NAME …`, or set {STACK_VARIABLE}"):
        Stack.find()
