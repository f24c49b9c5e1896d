"""The statements of a template, and which of them a deployed statement is."""

from __future__ import annotations

import copy

import pytest
from small_template import FUNCTION_ARN, KEY_ARN, QUEUE_ARN, TEMPLATE, deployed, trust

from infra.local.iam.documents import StatementName, parse
from infra.local.iam.template import Kind, home_of, statements_of

STATEMENTS = statements_of(TEMPLATE)


def home(source: str, policy: str, index: int, kind: Kind) -> StatementName | None:
    found = home_of(deployed(source, policy)[index], kind, STATEMENTS)
    return found and found.name


def test_every_statement_of_every_kind_is_found() -> None:
    assert [(one.name.source, one.name.index, one.kind) for one in STATEMENTS] == [
        ("Key1", 0, "resource"),
        ("LettersPolicy1", 0, "resource"),
        ("LettersPolicy1", 1, "resource"),
        ("JobRole1", 0, "trust"),
        ("SweepRole1", 0, "trust"),
        ("JobPolicy1", 0, "identity"),
        ("JobPolicy1", 1, "identity"),
        ("JobPolicy1", 2, "identity"),
        ("AllowRule1", 0, "resource"),
    ]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_an_identity_policy_has_the_logical_id_as_its_name(index: int) -> None:
    assert home("JobPolicy1", "JobPolicy1", index, "identity") == StatementName("JobPolicy1", index)


def test_a_policy_of_another_stack_is_not_taken_for_one_of_the_template() -> None:
    assert home("ReaderPolicy", "JobPolicy1", 0, "identity") is None


def test_a_statement_of_an_earlier_template_is_not_taken_for_one_of_this() -> None:
    elements = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/specs/*"}
    (other,) = parse({"Version": "2012-10-17", "Statement": elements}, "JobPolicy1")
    assert home_of(other, "identity", STATEMENTS) is None


def test_roles_with_the_same_trust_are_told_apart_by_their_names() -> None:
    name = "Stratos-SweepRole1-1234"
    assert home(name, "JobRole1", 0, "trust") == StatementName("SweepRole1", 0)


@pytest.mark.parametrize("index", [0, 1])
def test_statements_that_differ_in_a_reference_are_told_apart_by_their_place(index: int) -> None:
    found = home(QUEUE_ARN, "LettersPolicy1", index, "resource")
    assert found == StatementName("LettersPolicy1", index)


def test_a_key_has_no_name_of_its_own() -> None:
    assert home(KEY_ARN, "Key1", 0, "resource") == StatementName("Key1", 0)


def test_a_permission_is_a_statement_of_the_functions_policy() -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": {
            "Sid": "x",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": FUNCTION_ARN,
            "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:events:us-east-1:1:rule/a"}},
        },
    }
    (statement,) = parse(policy, FUNCTION_ARN)
    found = home_of(statement, "resource", STATEMENTS)
    assert found is not None
    assert found.name == StatementName("AllowRule1", 0)


def test_policies_that_are_not_looked_at_are_an_error() -> None:
    template = copy.deepcopy(TEMPLATE)
    template["Resources"]["JobRole1"]["Properties"]["Policies"] = [
        {"PolicyName": "own", "PolicyDocument": trust("x")}
    ]
    with pytest.raises(ValueError, match="role JobRole1 has Policies"):
        statements_of(template)
