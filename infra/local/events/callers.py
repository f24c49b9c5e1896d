"""As whom EventBridge and its Scheduler call a target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.local.host.cloud_key import Credentials
from infra.local.iam.authority import AUTHORITY
from infra.local.iam.sessions import Session

_RULES = "events.amazonaws.com"
_SCHEDULES = "scheduler.amazonaws.com"


def rule_caller(rule_arn: str, rule_name: str, target: Mapping[str, Any]) -> Credentials:
    """The target's role; without one the service itself, which the target's policy must admit.

    Raises:
        AccessDeniedError: The role does not trust EventBridge.
    """
    if role := target.get("RoleArn"):
        return AUTHORITY.assume(role, _RULES, rule_name[:64], rule_arn).credentials()
    return service_caller(rule_arn)


def service_caller(rule_arn: str) -> Credentials:
    """EventBridge itself on behalf of a rule, as it fills dead letter queues."""
    return Session.of_service(_RULES, rule_arn).credentials()


def schedule_caller(schedule_arn: str, target: Mapping[str, Any]) -> Credentials:
    """The role of a schedule, for its target and its dead letters.

    Scheduler names the schedule's group when it takes on a role.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html

    Raises:
        AccessDeniedError: The role does not trust Scheduler.
    """
    place, _, names = schedule_arn.partition(":schedule/")
    group, _, name = names.partition("/")
    source = f"{place}:schedule-group/{group}"
    return AUTHORITY.assume(target["RoleArn"], _SCHEDULES, name[:64], source).credentials()
