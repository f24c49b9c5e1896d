"""IAM: the roles that functions make and delete.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from infra.local.iam import policies
from infra.local.iam.api_request import ApiRequest
from infra.local.iam.requirement import Requirement, Rule, needs, request_tags, resource_tags


def _role(request: ApiRequest) -> str:
    """Its ARN, of which the request names the last part only."""
    name = request.get("RoleName")
    role = policies.find_role(_arn(request, "/", name))
    return _arn(request, "/", name) if role is None else str(role.arn)


def _arn(request: ApiRequest, path: str, name: str) -> str:
    return f"arn:aws:iam::{request.account}:role{path}{name}"


def _create(request: ApiRequest) -> Iterator[Requirement]:
    arn = _arn(request, request.get("Path") or "/", request.get("RoleName"))
    boundary = request.get("PermissionsBoundary")
    tags = request_tags(request.parameters.get("Tags") or [])
    bounded = {"iam:PermissionsBoundary": (boundary,)} if boundary else {}
    yield Requirement("iam:CreateRole", arn, tags | bounded)
    if tags:
        yield Requirement("iam:TagRole", arn, tags)


def _on_policy(action: str) -> Rule:
    def rule(request: ApiRequest) -> Iterator[Requirement]:
        named = {"iam:PolicyARN": (request.get("PolicyArn"),)}
        yield Requirement(action, _role(request), _tags(request) | named)

    return rule


def _tags(request: ApiRequest) -> dict[str, tuple[str, ...]]:
    role = policies.find_role(_role(request))
    return {} if role is None else resource_tags({tag["Key"]: tag["Value"] for tag in role.tags})


def _on_role(action: str) -> Rule:
    def rule(request: ApiRequest) -> Iterator[Requirement]:
        yield Requirement(action, _role(request), _tags(request))

    return rule


RULES: Mapping[str, Mapping[str, Rule]] = {
    "iam": {
        "CreateRole": _create,
        "AttachRolePolicy": _on_policy("iam:AttachRolePolicy"),
        "DetachRolePolicy": _on_policy("iam:DetachRolePolicy"),
        "DeleteRole": _on_role("iam:DeleteRole"),
        "ListAttachedRolePolicies": _on_role("iam:ListAttachedRolePolicies"),
        "ListRoles": needs("iam:ListRoles"),
    }
}
