"""Policy documents as they stand in a template, and in IAM's user guide."""

from __future__ import annotations

from typing import Any

import pytest

from infra.local.iam.conditions import Condition
from infra.local.iam.documents import (
    Statement,
    StatementName,
    document_of,
    parse,
    parse_statement,
)

NEW = {"Version": "2012-10-17"}


def one(**elements: Any) -> Statement:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"} | elements
    (parsed,) = parse(NEW | {"Statement": [statement]}, "policy")
    return parsed


def covers(statement: Statement, action: str, resource: str, **context: str) -> bool:
    named = {key.replace("_", ":"): (value,) for key, value in context.items()}
    return statement.covers(action.lower(), resource, named)


def test_a_statement_may_stand_alone_and_values_too() -> None:
    statement = {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*", "Sid": "x"}
    assert parse(NEW | {"Statement": statement}, "policy") == (
        Statement(
            sid="x",
            effect="Deny",
            actions=("s3:*",),
            not_actions=(),
            resources=("arn:aws:s3:::b/*",),
            not_resources=(),
            principals=(),
            not_principals=(),
            conditions=(),
            name=StatementName("policy", 0),
        ),
    )


def test_statements_are_named_by_their_place() -> None:
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    parsed = parse(NEW | {"Statement": [statement, statement]}, "policy")
    assert [item.name for item in parsed] == [
        StatementName("policy", 0),
        StatementName("policy", 1),
    ]


def test_principals_are_pairs_of_kind_and_name() -> None:
    assert one(Principal="*").principals == (("AWS", "*"),)
    assert one(Principal={"AWS": "1", "Service": ["a", "b"]}).principals == (
        ("AWS", "1"),
        ("Service", "a"),
        ("Service", "b"),
    )


def test_conditions_are_read_by_operator_and_key() -> None:
    conditions = {"Bool": {"aws:SecureTransport": False}, "NumericLessThan": {"s3:max-keys": 10}}
    assert one(Condition=conditions).conditions == (
        Condition("Bool", "aws:SecureTransport", ("false",)),
        Condition("NumericLessThan", "s3:max-keys", ("10",)),
    )


def test_actions_are_matched_in_any_case_and_with_wildcards() -> None:
    """reference_policies_elements_action.html: `iam:*AccessKey*`, `iam:listaccesskeys`."""
    statement = one(Action=["iam:*AccessKey*", "sqs:SendMessage"])
    assert covers(statement, "IAM:ListAccessKeys", "*")
    assert covers(statement, "sqs:sendmessage", "*")
    assert not covers(statement, "iam:ListUsers", "*")


def test_not_action_is_every_other_action() -> None:
    """reference_policies_elements_notaction.html: all but deleting a bucket; all but IAM."""
    elements = {"Effect": "Allow", "NotAction": "s3:DeleteBucket", "Resource": "arn:aws:s3:::*"}
    statement = parse_statement(elements, StatementName("policy", 0))
    assert covers(statement, "s3:PutObject", "arn:aws:s3:::b/key")
    assert not covers(statement, "s3:DeleteBucket", "arn:aws:s3:::b")
    assert not covers(statement, "s3:ListAllMyBuckets", "*")
    assert not covers(statement, "sqs:SendMessage", "arn:aws:sqs:us-east-1:1:q")
    elements = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    statement = parse_statement(elements, StatementName("policy", 0))
    assert covers(statement, "sqs:SendMessage", "arn:aws:sqs:us-east-1:1:q")
    assert not covers(statement, "iam:ListUsers", "*")


def test_not_resource_is_every_other_resource() -> None:
    """reference_policies_elements_notresource.html: the folder Payroll of HRBucket."""
    spared = ["arn:aws:s3:::HRBucket/Payroll", "arn:aws:s3:::HRBucket/Payroll/*"]
    elements = {"Effect": "Deny", "Action": "s3:*", "NotResource": spared}
    statement = parse_statement(elements, StatementName("policy", 0))
    assert not covers(statement, "s3:GetObject", "arn:aws:s3:::HRBucket/Payroll/May")
    assert covers(statement, "s3:GetObject", "arn:aws:s3:::HRBucket/Plans")
    assert not covers(statement, "ec2:StopInstances", "arn:aws:ec2:us-east-1:1:instance/i-1")


def test_all_conditions_must_hold() -> None:
    """reference_policies_condition-logic-multiple-context-keys-or-values.html: AND."""
    statement = one(
        Condition={"StringEquals": {"aws:a": "1", "aws:b": "2"}, "Null": {"aws:c": "true"}}
    )
    assert covers(statement, "s3:GetObject", "*", aws_a="1", aws_b="2")
    assert not covers(statement, "s3:GetObject", "*", aws_a="1")
    assert not covers(statement, "s3:GetObject", "*", aws_a="1", aws_b="2", aws_c="3")


def test_the_older_language_knows_no_variables() -> None:
    """reference_policies_elements_version.html: there `${aws:username}` is literal."""
    statement = {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/${aws:username}"}
    (old,) = parse({"Version": "2008-10-17", "Statement": statement}, "policy")
    assert covers(old, "s3:GetObject", "arn:aws:s3:::b/${aws:username}", aws_username="ana")
    assert not covers(old, "s3:GetObject", "arn:aws:s3:::b/ana", aws_username="ana")


def test_a_trust_policy_is_about_its_role() -> None:
    elements = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "lambda.amazonaws.com"},
    }
    statement = parse_statement(elements, StatementName("role", 0))
    assert covers(statement, "sts:AssumeRole", "arn:aws:iam::1:role/any")


def test_a_statement_says_which_keys_it_looks_at() -> None:
    statement = one(
        Resource="arn:aws:s3:::b/${aws:username}", Condition={"Null": {"aws:RequestTag/a": "true"}}
    )
    assert statement.keys() == {"aws:username", "aws:requesttag/a"}


def test_a_statement_is_read_back_as_it_was() -> None:
    statement = one(
        Sid="all",
        Principal={"AWS": ["1", "2"], "Service": "a"},
        Resource=["arn:aws:s3:::b/${aws:username}", "*"],
        Condition={"StringLike": {"a:b": ["x*", "y"], "a:c": "z"}, "Null": {"a:b": "false"}},
    )
    assert parse_statement(document_of(statement), statement.name) == statement


@pytest.mark.parametrize(
    ("elements", "what"),
    [
        ({"Resource": {"Ref": "Bucket"}}, r"statement 0 of policy .*no text: \{'Ref': 'Bucket'\}"),
        ({"Resource": ["arn:aws:s3:::b", {"Fn::GetAtt": ["B", "Arn"]}]}, "no text"),
        ({"Condition": {"StringEquals": {"a:b": {"Ref": "AWS::AccountId"}}}}, "no text"),
        ({"Condition": {"StringMatches": {"a:b": "c"}}}, "StringMatches is not known here"),
        ({"Condition": {"StringEquals": "c"}}, "has no keys"),
        ({"Condition": "c"}, "no mapping"),
        ({"Principal": "me"}, "no principal"),
        ({"Effect": "allow"}, "neither allows nor denies"),
        ({"NotAction": "s3:PutObject"}, "needs one of Action and NotAction"),
        ({"Resource": []}, "needs one of Resource and NotResource"),
        ({"Resources": "*"}, r"not known here: \['Resources'\]"),
    ],
)
def test_what_cannot_be_decided_is_an_error(elements: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        one(**elements)


def test_a_document_without_statements_is_an_error() -> None:
    with pytest.raises(ValueError, match="no statement"):
        parse({"Version": "2012-10-17"}, "policy")
