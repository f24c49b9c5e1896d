"""The reviewer's page names everybody whom a resource itself lets in or keeps out."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from infra.review.resource_policies import resource_policies, ruled
from infra.rights.reasons import OF_RESOURCES
from tests.infra.resources import of_type, only

POLICIES = (
    ("AWS::KMS::Key", "KeyPolicy"),
    ("AWS::S3::BucketPolicy", "PolicyDocument"),
    ("AWS::SNS::TopicPolicy", "PolicyDocument"),
    ("AWS::SQS::QueuePolicy", "PolicyDocument"),
)


def test_every_statement_has_its_reason_and_every_reason_its_statement(template):
    assert ruled(template) == OF_RESOURCES.keys()


def test_no_resource_policy_of_the_template_is_of_a_type_that_the_page_leaves_out(template):
    known = {type_ for type_, _ in POLICIES} | {"AWS::Lambda::Permission"}
    identity = {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role"}
    with_statements = {
        resource["Type"]
        for resource in template["Resources"].values()
        if _holds(resource["Properties"], "Statement")
    }
    assert with_statements - identity == known - {"AWS::Lambda::Permission"}


def _holds(value: Any, key: str) -> bool:
    if isinstance(value, dict):
        return key in value or any(_holds(inner, key) for inner in value.values())
    return isinstance(value, list) and any(_holds(inner, key) for inner in value)


def test_every_condition_of_every_statement_is_on_the_page(template):
    page = resource_policies(template)
    conditions = [
        statement["Condition"]
        for type_, field in POLICIES
        for properties in of_type(template, type_).values()
        for statement in properties[field]["Statement"]
        if "Condition" in statement
    ]
    permissions = of_type(template, "AWS::Lambda::Permission")
    tests = sum(len(tested) for condition in conditions for tested in condition.values())
    rows = "\n".join(line for line in page.splitlines() if line.startswith("| `"))
    operators = ("ArnEquals", "ArnLike", "Bool", "StringEquals")
    assert sum(rows.count(f"{one} `") for one in operators) == tests + len(permissions)


def test_a_key_that_another_account_may_use_stops_the_page(template):
    changed = copy.deepcopy(template)
    statements = only(changed, "AWS::KMS::Key")["Properties"]["KeyPolicy"]["Statement"]
    statements[0]["Principal"] = {"AWS": "arn:aws:iam::123456789012:root"}
    with pytest.raises(ValueError, match="StorageKey lets in arn:aws:iam::123456789012:root"):
        resource_policies(changed)


def test_a_service_that_is_let_in_for_anybody_s_sake_stops_the_page(template):
    changed = copy.deepcopy(template)
    statements = only(changed, "AWS::SNS::TopicPolicy")["Properties"]["PolicyDocument"]["Statement"]
    del statements[1]["Condition"]
    with pytest.raises(ValueError, match=r"NotificationsTopic lets in cloudwatch"):
        resource_policies(changed)


def test_a_statement_without_a_reason_stops_the_page_and_says_where_to_write_one(template):
    changed = copy.deepcopy(template)
    statements = only(changed, "AWS::SQS::QueuePolicy")["Properties"]["PolicyDocument"]["Statement"]
    statements[1]["Principal"] = {"Service": "sns.amazonaws.com"}
    with pytest.raises(ValueError, match=r"sns.amazonaws.com, and infra/rights/reasons.py"):
        resource_policies(changed)
