"""Roles are taken on by those whom they trust."""

from __future__ import annotations

import pytest
from judged_cloud import ACCOUNT, allow, make_role
from moto_cloud import Cloud

from infra.local.iam.authority import AUTHORITY, AccessDeniedError, Authority
from infra.local.iam.requirement import Requirement

GROUP = f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule-group/stratos"
SCHEDULER = "scheduler.amazonaws.com"


def test_a_service_takes_on_a_role_that_trusts_it(cloud: Cloud) -> None:
    role = make_role(cloud, "trusting", "lambda")
    assert AUTHORITY.assume(role, "lambda.amazonaws.com", "work").name == "work"
    with pytest.raises(AccessDeniedError, match=r"cannot be assumed by sagemaker\.amazonaws\.com"):
        AUTHORITY.assume(role, "sagemaker.amazonaws.com", "SageMaker")


def test_trust_can_depend_on_the_account_and_the_resource(cloud: Cloud) -> None:
    only = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": GROUP}
    role = make_role(cloud, "cautious", "scheduler", StringEquals=only)
    AUTHORITY.assume(role, SCHEDULER, "s", GROUP)
    for source in (None, f"{GROUP}-of-others"):
        with pytest.raises(AccessDeniedError):
            AUTHORITY.assume(role, SCHEDULER, "s", source)


def test_a_trust_policy_that_cannot_be_read_trusts_nobody(cloud: Cloud) -> None:
    made = cloud("iam").create_role(RoleName="empty", AssumeRolePolicyDocument="{}")
    with pytest.raises(AccessDeniedError, match="cannot be assumed"):
        AUTHORITY.assume(made["Role"]["Arn"], "lambda.amazonaws.com", "work")


def test_what_is_done_on_a_role_s_behalf_needs_its_rights(cloud: Cloud) -> None:
    role = make_role(cloud, "traced", "lambda", allow("xray:PutTraceSegments"))
    session = AUTHORITY.assume(role, "lambda.amazonaws.com", "work")
    AUTHORITY.require(session, Requirement("xray:PutTraceSegments", "*"))
    with pytest.raises(AccessDeniedError, match="xray:PutTelemetryRecords"):
        AUTHORITY.require(session, Requirement("xray:PutTelemetryRecords", "*"))


def test_an_authority_that_was_not_installed_allows_everything() -> None:
    idle = Authority()
    session = idle.assume("arn:aws:iam::1:role/none", "lambda.amazonaws.com", "work")
    idle.require(session, Requirement("s3:GetObject", "arn:aws:s3:::a/b"))
