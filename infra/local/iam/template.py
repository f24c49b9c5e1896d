"""Every statement of a synthesized template, and which of them a deployed one is.

In the template, what a policy names is still a reference. A deployed statement is the one with the
same effect, actions and condition keys, whose texts fit where references stood; where several fit,
its source decides, which holds a logical id or a physical name, and then its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from infra.local.iam.documents import Statement, StatementName, parse

Kind = Literal["identity", "trust", "resource"]
_REFERENCE = re.compile(r"<[^<>]*>")
_PARTS = 6
_POLICIES: Mapping[str, tuple[tuple[str, Kind], ...]] = {
    "AWS::IAM::Role": (("AssumeRolePolicyDocument", "trust"),),
    "AWS::IAM::Policy": (("PolicyDocument", "identity"),),
    "AWS::IAM::ManagedPolicy": (("PolicyDocument", "identity"),),
    "AWS::KMS::Key": (("KeyPolicy", "resource"),),
    "AWS::S3::BucketPolicy": (("PolicyDocument", "resource"),),
    "AWS::SNS::TopicPolicy": (("PolicyDocument", "resource"),),
    "AWS::SQS::QueuePolicy": (("PolicyDocument", "resource"),),
}
_NAME_PROPERTIES = ("FunctionName", "RoleName", "TopicName", "QueueName", "BucketName", "Name")


@dataclass(frozen=True)
class TemplateStatement:
    """A statement as the template has it; references are written `<LogicalId.Attribute>`."""

    kind: Kind
    statement: Statement
    names: tuple[str, ...]
    """What a deployed policy's source may hold: logical ids and names of what it stands at."""

    @property
    def name(self) -> StatementName:
        return self.statement.name

    def fits(self, deployed: Statement) -> bool:
        """Whether a deployed statement may be this one."""
        own = self.statement
        return (
            own.effect == deployed.effect
            and sorted(own.actions) == sorted(deployed.actions)
            and sorted(own.not_actions) == sorted(deployed.not_actions)
            and _fit(own.resources, deployed.resources)
            and _fit(own.not_resources, deployed.not_resources)
            and _fit(map(":".join, own.principals), map(":".join, deployed.principals))
            and _condition_keys(own) == _condition_keys(deployed)
        )


def statements_of(template: Mapping[str, Any]) -> tuple[TemplateStatement, ...]:
    """All statements of a template: of identities, of resources, of trust.

    Raises:
        ValueError: A role has policies of its own, or those of AWS: their rights would not be seen.
    """
    resources = template["Resources"]
    found: list[TemplateStatement] = []
    for logical_id, resource in resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Role":
            _refuse_other_policies(logical_id, properties)
        for key, kind in _POLICIES.get(resource["Type"], ()):
            document = _rendered(properties[key], resources)
            names = (logical_id, *_stands_at(properties, resources))
            found += (TemplateStatement(kind, one, names) for one in parse(document, logical_id))
        if resource["Type"] == "AWS::Lambda::Permission":
            found.append(_permission(logical_id, properties, resources))
    return tuple(found)


def home_of(
    deployed: Statement, kind: Kind, statements: Iterable[TemplateStatement]
) -> TemplateStatement | None:
    """The statement of the template that a deployed one is; None if it is of another template."""
    source = deployed.name.source.lower()
    fitting = [
        (_closeness(one, source, deployed.name.index), one)
        for one in statements
        if one.kind == kind and one.fits(deployed)
    ]
    if not fitting:
        return None
    best = max(closeness for closeness, _ in fitting)
    closest = [one for closeness, one in fitting if closeness == best]
    explained, _ = best
    is_sure = len(closest) == 1 and (explained > 0 or kind == "resource")
    return closest[0] if is_sure else None


def _closeness(one: TemplateStatement, source: str, index: int) -> tuple[int, bool]:
    """How much of a source the statement's names explain, and whether the place is the same."""
    explained = max((len(name) for name in one.names if name.lower() in source), default=0)
    return explained, one.name.index == index


def _fit(patterns: Iterable[str], texts: Iterable[str]) -> bool:
    left = list(texts)
    listed = sorted(patterns, key=lambda pattern: pattern.count("<"))
    if len(listed) != len(left):
        return False
    for pattern in listed:
        expression = ".+".join(re.escape(part) for part in _REFERENCE.split(pattern))
        fitting = next((text for text in left if re.fullmatch(expression, text)), None)
        if fitting is None:
            return False
        left.remove(fitting)
    return True


def _condition_keys(statement: Statement) -> list[tuple[str, str]]:
    return sorted((one.operator, one.key.lower()) for one in statement.conditions)


def _refuse_other_policies(logical_id: str, properties: Mapping[str, Any]) -> None:
    for key in ("Policies", "ManagedPolicyArns", "PermissionsBoundary"):
        if properties.get(key):
            raise ValueError(f"role {logical_id} has {key}, which is not looked at here")


def _stands_at(properties: Mapping[str, Any], resources: Mapping[str, Any]) -> Iterator[str]:
    """Names of the bucket, queues or topics that a policy is about."""
    for key in ("Bucket", "Queues", "Topics", "FunctionName"):
        value = properties.get(key, [])
        for reference in value if isinstance(value, list) else [value]:
            target = _target(reference)
            if target in resources:
                yield target
                of_target = resources[target].get("Properties", {})
                names = (of_target.get(name) for name in _NAME_PROPERTIES)
                yield from (name for name in names if isinstance(name, str))


def _target(reference: Any) -> str:
    if not isinstance(reference, Mapping):
        return ""
    if "Ref" in reference:
        return str(reference["Ref"])
    attribute = reference.get("Fn::GetAtt", [""])
    return str(attribute[0])


def _permission(
    logical_id: str, properties: Mapping[str, Any], resources: Mapping[str, Any]
) -> TemplateStatement:
    """What Lambda makes of a permission in the function's policy."""
    names = (logical_id, *_stands_at(properties, resources))
    source = {"ArnLike": {"AWS:SourceArn": properties["SourceArn"]}}
    statement = {
        "Effect": "Allow",
        "Action": properties["Action"],
        "Principal": {"Service": properties["Principal"]},
        "Resource": properties["FunctionName"],
        "Condition": source if "SourceArn" in properties else {},
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    (parsed,) = parse(_rendered(document, resources), logical_id)
    return TemplateStatement("resource", parsed, names)


def _rendered(value: Any, resources: Mapping[str, Any]) -> Any:
    """The value with each reference as a text in angle brackets: an ARN where one may stand."""
    if isinstance(value, list):
        return [_rendered(item, resources) for item in value]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Ref":
            is_arn = argument in resources or argument == "AWS::StackId"
            return _like_an_arn(argument) if is_arn else f"<{argument}>"
        if function == "Fn::GetAtt":
            return _like_an_arn(".".join(argument))
        if function == "Fn::Join":
            return argument[0].join(str(_rendered(item, resources)) for item in argument[1])
        if function == "Fn::Sub":
            return re.sub(r"\$\{([^}]*)\}", r"<\1>", argument)
    return {key: _rendered(item, resources) for key, item in value.items()}


def _like_an_arn(reference: str) -> str:
    """The reference in the shape of an ARN, so that it parses as one."""
    return ":".join(["<arn", *["-"] * (_PARTS - 2), f"{reference}>"])
