"""Decisions, on the cases of IAM's and KMS's documentation.

Pages are below https://docs.aws.amazon.com/IAM/latest/UserGuide/ unless they name another guide.
"""

from __future__ import annotations

from typing import Any

import pytest

from infra.local.iam.documents import Statement, StatementName, parse
from infra.local.iam.evaluator import Call, Decision, Principal, judge

ACCOUNT = "111122223333"
ROLE = Principal(f"arn:aws:iam::{ACCOUNT}:role/job", ACCOUNT)
EVENTS = Principal("events.amazonaws.com", ACCOUNT, "events.amazonaws.com")
OBJECT = "arn:aws:s3:::carlossalazar-logs/file"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/EC2-roles-for-XYZ-1"


def allow(action: str, resource: str | None = "*", **elements: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action} | elements
    return statement if resource is None else statement | {"Resource": resource}


def deny(action: str, resource: str = "*", **elements: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource} | elements


def statements(source: str, *listed: dict[str, Any]) -> tuple[Statement, ...]:
    document = {"Version": "2012-10-17", "Statement": list(listed)}
    return parse(document, source) if listed else ()


def decision(
    action: str,
    target: str,
    identity: tuple[dict[str, Any], ...] = (),
    resource: tuple[dict[str, Any], ...] = (),
    principal: Principal = ROLE,
    **context: str,
) -> Decision:
    """The decision on a call; keys of its context are written `aws_SourceAccount`."""
    named = {key.replace("_", ":"): (value,) for key, value in context.items()}
    return judge(
        Call(principal, action, target, named),
        statements("own", *identity),
        statements("its", *resource),
    )


def allowed_by(*names: tuple[str, int]) -> Decision:
    return Decision(True, tuple(StatementName(*name) for name in names), "allowed")


def denied_by(*names: tuple[str, int]) -> Decision:
    return Decision(False, tuple(StatementName(*name) for name in names), "explicit_deny")


NOT_ALLOWED = Decision(False, (), "no_allow")


def test_nothing_is_allowed_by_default() -> None:
    """reference_policies_evaluation-logic.html"""
    assert decision("s3:GetObject", OBJECT) == NOT_ALLOWED
    assert decision("s3:GetObject", OBJECT, (allow("s3:PutObject"),)) == NOT_ALLOWED


def test_a_denial_wins_over_what_allows() -> None:
    """reference_policies_evaluation-logic.html: an explicit deny overrides any allow."""
    identity = (allow("s3:*"), deny("s3:PutObject", "arn:aws:s3:::carlossalazar-logs/*"))
    assert decision("s3:PutObject", OBJECT, identity) == denied_by(("own", 1))
    assert decision("s3:GetObject", OBJECT, identity) == allowed_by(("own", 0))


def test_within_an_account_either_policy_is_enough() -> None:
    """reference_policies_evaluation-logic.html: Carlos, who saves a file to a bucket."""
    own = allow("s3:PutObject", "arn:aws:s3:::carlossalazar-logs/*")
    its = allow("s3:PutObject", "arn:aws:s3:::carlossalazar-logs/*", Principal={"AWS": ROLE.arn})
    assert decision("s3:PutObject", OBJECT, (own,)) == allowed_by(("own", 0))
    assert decision("s3:PutObject", OBJECT, (), (its,)) == allowed_by(("its", 0))
    both = decision("s3:PutObject", OBJECT, (own,), (its,))
    assert both == allowed_by(("own", 0), ("its", 0))


def test_a_resource_that_denies_wins_over_the_role() -> None:
    """reference_policies_elements_condition_operators.html: the example of Bool, on a bucket."""
    plain = deny("s3:*", Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}})
    own = (allow("s3:GetObject"),)
    refused = decision("s3:GetObject", OBJECT, own, (plain,), aws_SecureTransport="false")
    assert refused == denied_by(("its", 0))
    assert decision("s3:GetObject", OBJECT, own, (plain,), aws_SecureTransport="true").allowed


@pytest.mark.parametrize("account", [ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"])
def test_a_resource_that_names_the_account_leaves_it_to_the_roles_policies(account: str) -> None:
    """reference_policies_elements_principal.html: an account as the principal."""
    its = (allow("s3:GetObject", Principal={"AWS": account}),)
    assert decision("s3:GetObject", OBJECT, (), its) == NOT_ALLOWED
    own = (allow("s3:GetObject"),)
    assert decision("s3:GetObject", OBJECT, own, its) == allowed_by(("own", 0))
    denied = (deny("s3:GetObject", Principal={"AWS": account}),)
    assert decision("s3:GetObject", OBJECT, own, denied) == denied_by(("its", 0))


def test_a_key_is_opened_by_its_own_policy_only() -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html"""
    own = (allow("kms:Decrypt", KEY),)
    root = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    named = allow("kms:Decrypt", Principal={"AWS": ROLE.arn})
    assert decision("kms:Decrypt", KEY, own) == NOT_ALLOWED
    assert decision("kms:Decrypt", KEY, (), (named,)) == allowed_by(("its", 0))
    assert decision("kms:Decrypt", KEY, (), (root,)) == NOT_ALLOWED
    assert decision("kms:Decrypt", KEY, own, (root,)) == allowed_by(("own", 0), ("its", 0))


def test_no_key_policy_is_asked_where_there_is_no_key() -> None:
    assert decision("kms:ListAliases", "*", (allow("kms:ListAliases"),)).allowed


def test_a_role_must_trust_who_takes_it_on() -> None:
    """id_roles_terms-and-concepts.html: both parties have to agree."""
    own = (allow("sts:AssumeRole", OTHER_ROLE),)
    its = (allow("sts:AssumeRole", None, Principal={"AWS": ROLE.arn}),)
    root = (allow("sts:AssumeRole", None, Principal={"AWS": ACCOUNT}),)
    assert decision("sts:AssumeRole", OTHER_ROLE, own) == NOT_ALLOWED
    assert decision("sts:AssumeRole", OTHER_ROLE, (), its) == allowed_by(("its", 0))
    assert decision("sts:AssumeRole", OTHER_ROLE, (), root) == NOT_ALLOWED
    assert decision("sts:AssumeRole", OTHER_ROLE, own, root).allowed


def test_a_service_is_admitted_by_name_and_for_the_account_it_acts_for() -> None:
    """confused-deputy.html: `aws:SourceArn` and `aws:SourceAccount` in a trust policy."""
    trust = (
        allow(
            "sts:AssumeRole",
            None,
            Principal={"Service": "events.amazonaws.com"},
            Condition={
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": f"arn:aws:events:*:{ACCOUNT}:rule/*"},
            },
        ),
    )
    rule = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/dropped"
    asked = {"aws_SourceAccount": ACCOUNT, "aws_SourceArn": rule}
    assert decision("sts:AssumeRole", OTHER_ROLE, (), trust, EVENTS, **asked).allowed
    assert not decision("sts:AssumeRole", OTHER_ROLE, (), trust, EVENTS).allowed
    other = asked | {"aws_SourceAccount": "444455556666"}
    assert not decision("sts:AssumeRole", OTHER_ROLE, (), trust, EVENTS, **other).allowed
    assert not decision("sts:AssumeRole", OTHER_ROLE, (), trust, ROLE, **asked).allowed


def test_a_service_is_admitted_by_resources_only() -> None:
    """reference_policies_elements_principal.html: service principals."""
    own = (allow("sqs:SendMessage"),)
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:letters"
    assert decision("sqs:SendMessage", queue, own, (), EVENTS) == NOT_ALLOWED
    its = (allow("sqs:SendMessage", queue, Principal={"Service": "events.amazonaws.com"}),)
    assert decision("sqs:SendMessage", queue, (), its, EVENTS) == allowed_by(("its", 0))
    account = (allow("sqs:SendMessage", queue, Principal={"AWS": ACCOUNT}),)
    assert decision("sqs:SendMessage", queue, (), account, EVENTS) == NOT_ALLOWED


def test_everyone_is_denied_but_who_is_not_named() -> None:
    """reference_policies_elements_notprincipal.html: all but Bob, whose account is named too."""
    bob = Principal("arn:aws:iam::444455556666:user/Bob", "444455556666")
    ana = Principal("arn:aws:iam::444455556666:user/Ana", "444455556666")
    spared = {"AWS": [bob.arn, "arn:aws:iam::444455556666:root"]}
    its = ({"Effect": "Deny", "NotPrincipal": spared, "Action": "s3:*", "Resource": "*"},)
    own = (allow("s3:GetObject"),)
    assert decision("s3:GetObject", OBJECT, own, its, bob).allowed
    assert decision("s3:GetObject", OBJECT, own, its, ana) == denied_by(("its", 0))
    assert decision("s3:GetObject", OBJECT, own, its, EVENTS) == denied_by(("its", 0))


def test_a_role_is_passed_to_the_services_that_are_named() -> None:
    """id_roles_use_passrole.html, reference_policies_iam-condition-keys.html: PassedToService."""
    own = (
        allow(
            "iam:PassRole",
            f"arn:aws:iam::{ACCOUNT}:role/EC2-roles-for-XYZ-*",
            Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        ),
    )
    to_ec2 = {"iam_PassedToService": "ec2.amazonaws.com"}
    assert decision("iam:PassRole", OTHER_ROLE, own, **to_ec2).allowed
    assert not decision(
        "iam:PassRole", OTHER_ROLE, own, iam_PassedToService="lambda.amazonaws.com"
    ).allowed
    assert not decision("iam:PassRole", OTHER_ROLE, own).allowed
    assert not decision("iam:PassRole", ROLE.arn, own, **to_ec2).allowed


def test_all_but_iam_is_denied_without_a_second_factor() -> None:
    """reference_policies_elements_notaction.html: DenyAllUsersNotUsingMFA."""
    own = (
        allow("*"),
        {
            "Effect": "Deny",
            "NotAction": "iam:*",
            "Resource": "*",
            "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
        },
    )
    assert decision("iam:ListUsers", "*", own, aws_MultiFactorAuthPresent="false").allowed
    assert decision("s3:GetObject", OBJECT, own, aws_MultiFactorAuthPresent="true").allowed
    without = decision("s3:GetObject", OBJECT, own, aws_MultiFactorAuthPresent="false")
    assert without == denied_by(("own", 1))
    assert decision("s3:GetObject", OBJECT, own) == denied_by(("own", 1))


def test_resources_are_told_apart_by_their_tags() -> None:
    """access_tags.html: a resource's tag is that of the principal."""
    own = (
        allow(
            "sagemaker:StopTrainingJob",
            Condition={"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}},
        ),
    )
    job = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/run"
    tags = {"aws_ResourceTag/team": "red", "aws_PrincipalTag/team": "red"}
    assert decision("sagemaker:StopTrainingJob", job, own, **tags).allowed
    other = tags | {"aws_PrincipalTag/team": "blue"}
    assert not decision("sagemaker:StopTrainingJob", job, own, **other).allowed
    assert not decision("sagemaker:StopTrainingJob", job, own).allowed


def test_the_keys_of_a_call_may_be_written_in_any_case() -> None:
    """reference_policies_elements_condition.html: the names of keys are not case-sensitive."""
    own = (allow("s3:*", Condition={"StringEquals": {"AWS:SourceIp": "1", "aws:B": "2"}}),)
    assert decision("s3:GetObject", OBJECT, own, aws_sourceIP="1", AWS_b="2").allowed


def test_a_task_token_is_answered_for_by_the_arn_of_its_state_machine() -> None:
    """https://github.com/aws/aws-cdk/pull/8486"""
    machine = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:stratos"
    own = (allow("states:SendTaskSuccess", machine),)
    assert decision("states:SendTaskSuccess", machine, own).allowed
    assert not decision("states:SendTaskSuccess", "*", own).allowed


def test_every_statement_that_allows_is_told() -> None:
    own = (allow("s3:GetObject"), allow("s3:PutObject"), allow("s3:*"))
    assert decision("s3:GetObject", OBJECT, own) == allowed_by(("own", 0), ("own", 2))
