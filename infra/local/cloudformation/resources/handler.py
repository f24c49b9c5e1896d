"""What a CloudFormation resource handler is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from infra.local.host.clients import Cloud

Properties = Mapping[str, Any]


@dataclass(frozen=True)
class Physical:
    """What `Ref` and `Fn::GetAtt` of a created resource give."""

    id: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class ResourceHandler:
    """Create, update and delete one resource type; stateless.

    `name_property` is the property that may give the physical name, `max_name` the longest name
    the service takes. A change to one of `replaced_by` deletes and recreates the resource; where
    `keeps_data` is set it is refused instead, because that would lose what is stored in it.
    """

    type: ClassVar[str]
    name_property: ClassVar[str | None] = None
    max_name: ClassVar[int] = 128
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    keeps_data: ClassVar[bool] = False

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        raise NotImplementedError

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        """By default: delete and create again under the same name."""
        self.delete(cloud, physical, old)
        return self.create(cloud, physical.id, new)

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        raise NotImplementedError


def picked(properties: Properties, *names: str) -> dict[str, Any]:
    """The named properties that are set."""
    return {name: properties[name] for name in names if name in properties}


def tags_of(properties: Properties) -> list[dict[str, str]]:
    """`Tags` as API key/value pairs; CloudFormation allows a list or a mapping."""
    tags = properties.get("Tags") or []
    if isinstance(tags, Mapping):
        return [{"Key": key, "Value": value} for key, value in tags.items()]
    return [{"Key": tag["Key"], "Value": tag["Value"]} for tag in tags]


def camel(value: Any) -> Any:
    """Keys with a lower-case initial, recursively: Step Functions' API spells them so."""
    if isinstance(value, Mapping):
        return {key[:1].lower() + key[1:]: camel(item) for key, item in value.items()}
    if isinstance(value, list):
        return [camel(item) for item in value]
    return value
