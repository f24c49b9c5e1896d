"""What resources themselves let in or keep out, for the reviewer's page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.review.template_text import conditions_of, listed, plain, table, text
from infra.rights.reasons import OF_RESOURCES

_INTRODUCTION = """\
## Resource policies

What resources let in or keep out by themselves, beside the rights of roles. Who may assume a role
stands with the role. No policy lets in another account: whoever is let in is a service of AWS, for
this account or for one resource of it, or this account, whose IAM policies then decide.
"""
_POLICIES: Mapping[str, tuple[str, str]] = {
    "AWS::KMS::Key": ("KeyPolicy", ""),
    "AWS::S3::BucketPolicy": ("PolicyDocument", "Bucket"),
    "AWS::SNS::TopicPolicy": ("PolicyDocument", "Topics"),
    "AWS::SQS::QueuePolicy": ("PolicyDocument", "Queues"),
}
"""Of each type, the property with the policy, and the one that names whose it is."""


@dataclass(frozen=True)
class _Rule:
    kind: str
    resource: str
    effect: str
    who: tuple[str, ...]
    actions: tuple[str, ...]


def resource_policies(template: Mapping[str, Any]) -> str:
    """The section "Resource policies".

    Raises:
        ValueError: A statement has no reason, or lets in what the introduction rules out.
    """
    found: dict[_Rule, list[str]] = {}
    for rule, conditions in _rules(template):
        if rule.effect == "Allow" and not _as_introduced(rule, conditions):
            raise ValueError(f"{rule.resource} lets in {', '.join(rule.who)}, as nothing else does")
        found.setdefault(rule, []).append("<br>".join(conditions_of(conditions)))
    rows = [_row(rule, conditions) for rule, conditions in found.items()]
    head = ("Resource", "Who", "May", "What", "If", "Why")
    return f"{_INTRODUCTION}\n{table(head, *rows)}"


def ruled(template: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Type and principals of every statement, as `OF_RESOURCES` has them."""
    return {(rule.kind, ", ".join(rule.who)) for rule, _ in _rules(template)}


def _rules(template: Mapping[str, Any]) -> Iterator[tuple[_Rule, Mapping[str, Any]]]:
    for name, resource in template["Resources"].items():
        kind, properties = resource["Type"], resource["Properties"]
        if kind == "AWS::Lambda::Permission":
            rule = _Rule(
                kind,
                text(properties["FunctionName"]),
                "Allow",
                (properties["Principal"],),
                (properties["Action"],),
            )
            source = properties.get("SourceArn")
            yield rule, {"ArnLike": {"aws:SourceArn": source}} if source else {}
        if kind in _POLICIES:
            document, owner = _POLICIES[kind]
            owned = text(listed(properties[owner])[0]) if owner else plain(name)
            for statement in properties[document]["Statement"]:
                actions = tuple(sorted(listed(statement["Action"])))
                rule = _Rule(kind, owned, statement["Effect"], _who(statement), actions)
                yield rule, statement.get("Condition", {})


def _who(statement: Mapping[str, Any]) -> tuple[str, ...]:
    principal = statement["Principal"]
    if isinstance(principal, str):
        return ("anybody",)
    found = sorted(text(item) for value in principal.values() for item in listed(value))
    return ("anybody",) if found == ["*"] else tuple(found)


def _as_introduced(rule: _Rule, conditions: Mapping[str, Any]) -> bool:
    """Whether the introduction is true of what a statement lets in."""
    if rule.who == ("iam::ACCOUNT:root",):
        return True
    return bool(conditions) and all(who.endswith(".amazonaws.com") for who in rule.who)


def _row(rule: _Rule, conditions: list[str]) -> tuple[str, ...]:
    reason = OF_RESOURCES.get((rule.kind, ", ".join(rule.who)))
    if reason is None:
        raise ValueError(
            f"{rule.resource} is about {', '.join(rule.who)}, and infra/rights/reasons.py "
            "does not say why"
        )
    return (
        f"`{rule.resource}`",
        "<br>".join(who if who == "anybody" else f"`{who}`" for who in rule.who),
        "may" if rule.effect == "Allow" else "**may not**",
        "<br>".join(f"`{action}`" for action in rule.actions),
        "<br>or ".join(condition for condition in conditions if condition),
        reason,
    )
