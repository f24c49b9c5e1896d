"""Who may make roles, of which tags, and give them which policies."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from judged_cloud import ACCOUNT, allow, client_as, document, grant, make_role
from moto_cloud import Cloud

IN_PATH = f"arn:aws:iam::{ACCOUNT}:role/runs/*"
TAGS = [{"Key": "Run", "Value": "r-1"}]


@pytest.fixture(scope="module")
def policies(cloud: Cloud) -> list[str]:
    made = (
        cloud("iam").create_policy(PolicyName=name, PolicyDocument=document(allow("s3:GetObject")))
        for name in ("given", "other")
    )
    return [one["Policy"]["Arn"] for one in made]


@pytest.fixture(scope="module")
def iam(cloud: Cloud, policies: list[str]) -> Any:
    """A client that may make roles in a path, with a tag and one policy."""
    tagged = {"Null": {"aws:RequestTag/Run": "false"}}
    role = make_role(cloud, "maker", "lambda")
    grant(
        cloud,
        "maker",
        allow(["iam:CreateRole", "iam:TagRole"], IN_PATH, **tagged),
        allow("iam:AttachRolePolicy", IN_PATH, ArnEquals={"iam:PolicyARN": policies[0]}),
        allow(["iam:ListAttachedRolePolicies", "iam:DetachRolePolicy"], IN_PATH),
        allow("iam:DeleteRole", IN_PATH),
        allow("iam:ListRoles"),
    )
    return client_as(cloud, role, "iam")


def create(iam: Any, name: str, **changes: Any) -> None:
    request = {"RoleName": name, "Path": "/runs/", "Tags": TAGS, **changes}
    iam.create_role(AssumeRolePolicyDocument=document(), **request)


def test_a_role_is_made_given_its_policy_found_and_deleted(iam: Any, policies: list[str]) -> None:
    create(iam, "whole")
    iam.attach_role_policy(RoleName="whole", PolicyArn=policies[0])
    assert [one["RoleName"] for one in iam.list_roles(PathPrefix="/runs/")["Roles"]] == ["whole"]
    (attached,) = iam.list_attached_role_policies(RoleName="whole")["AttachedPolicies"]
    iam.detach_role_policy(RoleName="whole", PolicyArn=attached["PolicyArn"])
    iam.delete_role(RoleName="whole")
    assert iam.list_roles(PathPrefix="/runs/")["Roles"] == []


@pytest.mark.parametrize("changes", [{"Path": "/"}, {"Tags": []}], ids=["path", "tags"])
def test_a_role_of_another_path_or_without_the_tag_is_refused(
    iam: Any, changes: dict[str, Any]
) -> None:
    with pytest.raises(ClientError, match="not authorized to perform: iam:CreateRole"):
        create(iam, "stray", **changes)


def test_another_policy_is_refused(iam: Any, policies: list[str]) -> None:
    create(iam, "greedy")
    with pytest.raises(ClientError, match="not authorized to perform: iam:AttachRolePolicy"):
        iam.attach_role_policy(RoleName="greedy", PolicyArn=policies[1])
    iam.delete_role(RoleName="greedy")


def test_a_role_beside_the_path_is_left_alone(iam: Any) -> None:
    with pytest.raises(ClientError, match="not authorized to perform: iam:DeleteRole"):
        iam.delete_role(RoleName="maker")
