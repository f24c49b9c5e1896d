"""One call, judged by the policies that apply to it, as IAM decides within one account.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
Boundaries, session policies, and policies of organisations and of endpoints are not known here: the
template has none. Why the evaluator is our own: `docs/decisions/0014-an-iam-evaluator-of-ours.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from infra.local.iam.documents import Statement, StatementName

_NOT, _BY_ACCOUNT, _BY_NAME = 0, 1, 2
"""How a statement names a principal: not, by its account, or itself."""


@dataclass(frozen=True)
class Principal:
    """Who calls: a role by its ARN, or a service of AWS such as `events.amazonaws.com`."""

    arn: str
    account: str
    service: str | None = None


@dataclass(frozen=True)
class Call:
    """What is to be done to a resource, and what AWS would know of it.

    An action on no resource of its own, such as `sagemaker:ListModels`, has the resource `*`. The
    action is the one that AWS checks: `states:SendTaskSuccess` is checked on the ARN of the state
    machine (https://github.com/aws/aws-cdk/pull/8486). Of `context`, only keys with a value count.
    """

    principal: Principal
    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Decision:
    """`by` are all the statements that allow the call, or all that deny it."""

    allowed: bool
    by: tuple[StatementName, ...]
    reason: Literal["allowed", "explicit_deny", "no_allow"]


def judge(call: Call, identity: Sequence[Statement], resource: Sequence[Statement]) -> Decision:
    """Decide a call.

    A denial wins. Else a policy of the role or of the resource must allow. Only the resource's may
    admit a service, let a role be assumed, or open a KMS key; where it names the account, it leaves
    the choice to the role's policies.

    Args:
        call: It may name keys of its context in any case.
        identity: Statements of the role's policies; no service has any.
        resource: Statements of the resource's policy: of a bucket, key, role, queue, ….

    Raises:
        ValueError: A condition compares a key that has several values as if it had one.
    """
    action = call.action.lower()
    context = {key.lower(): values for key, values in call.context.items()}
    own = [] if call.principal.service else _that_cover(identity, action, call.resource, context)
    named = [
        (statement, how)
        for statement in _that_cover(resource, action, call.resource, context)
        if (how := _names(statement, call.principal))
    ]
    denying = [one for one in (*own, *(one for one, _ in named)) if one.effect == "Deny"]
    if denying:
        return Decision(False, _names_of(denying), "explicit_deny")
    by_name = [one for one, how in named if how == _BY_NAME]
    by_account = [one for one, how in named if how == _BY_ACCOUNT]
    if _is_opened_by_its_own_policy_only(action, call.resource):
        delegated = [*own, *by_account] if own and by_account else []
    else:
        delegated = own
    allowing = [*delegated, *by_name]
    if allowing:
        return Decision(True, _names_of(allowing), "allowed")
    return Decision(False, (), "no_allow")


def _that_cover(
    statements: Iterable[Statement],
    action: str,
    resource: str,
    context: Mapping[str, tuple[str, ...]],
) -> list[Statement]:
    return [
        one
        for one in statements
        if one.covers_action(action) and one.covers(action, resource, context)  # few come so far
    ]


def _names_of(statements: Iterable[Statement]) -> tuple[StatementName, ...]:
    return tuple(statement.name for statement in statements)


def _is_opened_by_its_own_policy_only(action: str, resource: str) -> bool:
    """Trust policies and key policies must allow by themselves."""
    if action.startswith("sts:"):
        return ":role/" in resource
    return action.startswith("kms:") and ":key/" in resource


def _names(statement: Statement, principal: Principal) -> int:
    if statement.not_principals:
        spared = _found(statement.not_principals, principal)
        return _NOT if spared == _BY_NAME else _BY_NAME
    return _found(statement.principals, principal)


def _found(listed: tuple[tuple[str, str], ...], principal: Principal) -> int:
    found = _NOT
    for kind, value in listed:
        if kind == "AWS" and value == "*":
            return _BY_NAME
        if principal.service:
            if kind == "Service" and value == principal.service:
                return _BY_NAME
        elif kind == "AWS":
            if value == principal.arn:
                return _BY_NAME
            if _account_named(value) == principal.account:
                found = _BY_ACCOUNT
    return found


def _account_named(principal: str) -> str:
    """The account of `arn:aws:iam::123456789012:root`, which may also be written as its number."""
    parts = principal.split(":")
    return parts[4] if len(parts) == 6 and parts[5] == "root" else principal
