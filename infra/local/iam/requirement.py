"""What a request needs: an action on a resource, with what conditions may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from infra.local.iam.api_request import ApiRequest

Context = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Requirement:
    """One call of IAM. All those of a request have to be allowed."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


Rule = Callable[[ApiRequest], Iterable[Requirement]]
"""From a request to what it needs."""
Resource = Callable[[ApiRequest], str]
"""From a request to an ARN."""


def needs(action: str, resource: Resource | str = "*") -> Rule:
    """The rule of an operation with one action on one resource."""

    def rule(request: ApiRequest) -> Iterator[Requirement]:
        yield Requirement(action, resource if isinstance(resource, str) else resource(request))

    return rule


def pass_role(role_arn: str, service: str) -> Iterator[Requirement]:
    """Handing a role to a service, where a request names one."""
    if role_arn:
        yield Requirement("iam:PassRole", role_arn, {"iam:PassedToService": (service,)})


def request_tags(tags: Iterable[Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    """Tags that a request gives, as conditions see them."""
    given = {tag.get("Key", ""): tag.get("Value", "") for tag in tags}
    context = {f"aws:RequestTag/{key}": (value,) for key, value in given.items()}
    return context | {"aws:TagKeys": tuple(given)} if given else {}


def resource_tags(tags: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Tags that a resource has."""
    return {f"aws:ResourceTag/{key}": (value,) for key, value in tags.items()}
