"""What a template's policies allow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

ACCOUNT = {
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "123456789012",
}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(template: dict[str, Any], role: str = "") -> Iterator[dict[str, Any]]:
    """Statements of every policy whose role's logical id contains `role`."""
    for resource in template["Resources"].values():
        # What is too long for a role's own policy, the CDK attaches to it.
        if resource["Type"] not in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            continue
        roles = [item["Ref"] for item in resource["Properties"].get("Roles", ())]
        if any(role in name for name in roles):
            yield from resource["Properties"]["PolicyDocument"]["Statement"]


def actions(template: dict[str, Any], role: str = "") -> set[str]:
    return {action for item in statements(template, role) for action in listed(item["Action"])}


def resolved(value: Any) -> str:
    """A string of a template as CloudFormation makes it in `ACCOUNT`; `<id>` for a resource."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return ACCOUNT.get(name, f"<{name}>")
        case {"Fn::GetAtt": [name, _]}:
            return f"<{name}>"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(resolved, parts))
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([\w:]+)\}", lambda found: resolved({"Ref": found[1]}), text)
    raise ValueError(f"no string: {value}")


def allows(template: dict[str, Any], role: str, action: str, resource: str) -> bool:
    """Whether a role's statements allow an action on a resource, their conditions aside."""
    return any(
        statement["Effect"] == "Allow"
        and _is_among(action, listed(statement["Action"]))
        and _is_among(resource, [resolved(item) for item in listed(statement["Resource"])])
        for statement in statements(template, role)
    )


def _is_among(text: str, patterns: list[str]) -> bool:
    """IAM's wildcards: `*` for any text, `?` for any character."""
    spelled = (re.escape(p).replace(r"\*", ".*").replace(r"\?", ".") for p in patterns)
    return any(re.fullmatch(pattern, text, re.DOTALL) for pattern in spelled)
