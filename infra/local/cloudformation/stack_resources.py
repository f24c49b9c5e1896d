"""The resources of one stack, brought to a template and deleted, in dependency order."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError

from infra.local.cloudformation.resources.handler import (
    Physical,
    Properties,
    ResourceHandler,
)
from infra.local.host.clients import Cloud

KEPT = ("Retain", "RetainExceptOnCreate", "Snapshot")
"""Deletion policies that leave a resource when its stack goes."""

CHANGING = threading.RLock()
"""Held while a stack is made, changed or deleted, and by whoever saves all stacks meanwhile."""

Teller = Callable[[str, str, str, str, str | None], None]
"""Takes a resource's logical id, type and physical id, what became of it, and why."""
_teller: ContextVar[Teller | None] = ContextVar("teller", default=None)


@contextmanager
def told_of(teller: Teller) -> Iterator[None]:
    """Tell of every resource that is made, changed or deleted within."""
    token = _teller.set(teller)
    try:
        yield
    finally:
        _teller.reset(token)


class StackResource:
    """One created resource: what moto's stack holds where it would hold a model of its own."""

    cf_resource_type: str
    logical_resource_id: str

    def __init__(
        self,
        handler: ResourceHandler,
        cloud: Cloud,
        name: str,
        physical: Physical,
        properties: Properties,
    ) -> None:
        self.handler = handler
        self.cloud = cloud
        self.name = name
        self.physical = physical
        self.properties = properties

    @property
    def physical_resource_id(self) -> str:
        return self.physical.id

    def get_cfn_attribute(self, attribute: str) -> str:
        if attribute not in self.physical.attributes:
            raise UnformattedGetAttTemplateException
        return self.physical.attributes[attribute]

    def is_created(self) -> bool:
        return True

    def update(self, name: str, properties: Properties) -> None:
        """Bring the resource to `properties`, by replacement where the change needs it."""
        changed = {
            key
            for key in {*properties, *self.properties}
            if properties.get(key) != self.properties.get(key)
        }
        replaces = sorted(changed & self.handler.replaced_by)
        if replaces and self.handler.keeps_data:
            raise ValueError(
                f"changing {', '.join(replaces)} would replace it and lose what it holds; "
                "delete the stack first, or undo the change"
            )
        if replaces:
            self.handler.delete(self.cloud, self.physical, self.properties)
            self.physical = self.handler.create(self.cloud, name, properties)
        else:
            self.physical = self.handler.update(
                self.cloud, self.physical, self.properties, properties
            )
        self.name, self.properties = name, properties

    def delete(self, account_id: str, region_name: str) -> None:
        self.handler.delete(self.cloud, self.physical, self.properties)


class ResourceErrors:
    """Turns whatever a resource raises into CloudFormation's error, with the resource's name.

    Whoever listens (`told_of`) hears how it began and ended.
    """

    def __init__(
        self,
        logical_id: str,
        resource_json: Mapping[str, Any],
        physical_id: str = "",
        *,
        tells: bool = True,
    ) -> None:
        self._tells = tells
        self._logical_id = logical_id
        self._type = resource_json["Type"]
        self._physical_id = physical_id

    def __enter__(self) -> None:
        self._tell("IN_PROGRESS")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._tell("COMPLETE")
        elif isinstance(error, Exception):
            reason = error.message if isinstance(error, ValidationError) else None
            said = reason or f"{type(error).__name__}: {error}"
            self._tell("FAILED", said)
            if reason is None:
                label = f"{self._logical_id} ({self._type})"
                raise ValidationError(message=f"{label}: {said}") from error

    def _tell(self, status: str, reason: str | None = None) -> None:
        teller = _teller.get()
        if self._tells and teller is not None:
            teller(self._logical_id, self._type, self._physical_id, status, reason)


def _references(value: Any) -> Iterator[str]:
    """Names that a template value refers to by Ref, Fn::GetAtt or Fn::Sub."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key == "Ref":
                yield item
            elif key == "Fn::GetAtt":
                yield item[0] if isinstance(item, list) else item.split(".")[0]
            elif key == "Fn::Sub":
                yield from re.findall(
                    r"\$\{([^!.}]+)[^}]*\}", item if isinstance(item, str) else item[0]
                )
                yield from _references(item)
            else:
                yield from _references(item)


def in_dependency_order(resource_map: Any) -> list[str]:
    """Logical ids, each after what it refers to or depends on."""
    resources: Mapping[str, Any] = resource_map._resource_json_map
    ordered: dict[str, None] = {}
    entered: set[str] = set()

    def visit(logical_id: str) -> None:
        if logical_id in entered or logical_id not in resources:
            return
        entered.add(logical_id)
        resource = resources[logical_id]
        explicit = resource.get("DependsOn", [])
        for dependency in [explicit] if isinstance(explicit, str) else explicit:
            visit(dependency)
        for dependency in _references(resource.get("Properties", {})):
            visit(dependency)
        ordered[logical_id] = None

    for logical_id in resources:
        visit(logical_id)
    return list(ordered)


def remember_outputs(stack: Any) -> None:
    """Look at what a stack tells before it changes: until it is settled again, it tells that."""
    _ = stack.outputs


def update_resources(
    resource_map: Any, template: dict[str, Any], parameters: dict[str, Any] | None = None
) -> None:
    """Bring the stack's resources to `template`. What is done before an error stays done.

    The next update compares with what really exists, so it resumes where this one stopped.
    """
    old = dict(resource_map._resource_json_map)
    resource_map._template = template
    if parameters:
        resource_map.input_parameters = parameters
    resource_map._resource_json_map = template["Resources"]
    resource_map.load_mapping()
    resource_map.load_parameters()
    resource_map.load_conditions()
    existing = resource_map._parsed_resources
    for logical_id in in_dependency_order(resource_map):
        resource_json = template["Resources"][logical_id]
        present = existing.get(logical_id)
        if present is not None and present.cf_resource_type != resource_json["Type"]:
            _delete_one(resource_map, logical_id, old[logical_id])
            present = None
        if present is None:
            _ = resource_map[logical_id]
        elif not _excluded(resource_map, resource_json):
            _update_one(resource_map, logical_id, old.get(logical_id))
    for logical_id in reversed([key for key in existing if key in old]):
        resource_json = template["Resources"].get(logical_id)
        if resource_json is None or _excluded(resource_map, resource_json):
            if old[logical_id].get("DeletionPolicy") in KEPT:
                existing.pop(logical_id)
            else:
                _delete_one(resource_map, logical_id, old[logical_id])


def _excluded(resource_map: Any, resource_json: Mapping[str, Any]) -> bool:
    condition = resource_json.get("Condition")
    return condition is not None and not resource_map.lazy_condition_map[condition]


def _update_one(resource_map: Any, logical_id: str, old_json: Any) -> None:
    resource_json = resource_map._resource_json_map[logical_id]
    present = resource_map._parsed_resources[logical_id]
    if isinstance(present, StackResource):
        with ResourceErrors(logical_id, resource_json, tells=False):
            _, resolved, name = parsing.parse_resource_and_generate_name(
                logical_id, resource_json, resource_map
            )
        properties = without_nothing(resolved["Properties"])
        if properties != present.properties:
            with ResourceErrors(logical_id, resource_json, present.physical_resource_id):
                present.update(name, properties)
    elif resource_json != old_json:
        with ResourceErrors(logical_id, resource_json):
            updated = parsing.parse_and_update_resource(
                logical_id,
                resource_json,
                resource_map,
                account_id=resource_map._account_id,
                region_name=resource_map._region_name,
            )
            if updated is None:
                raise ValueError("the embedded cloud cannot update it; delete the stack first")
            resource_map._parsed_resources[logical_id] = updated


def _delete_one(resource_map: Any, logical_id: str, resource_json: Mapping[str, Any]) -> None:
    resource = resource_map._parsed_resources[logical_id]
    physical_id = getattr(resource, "physical_resource_id", None) or ""
    with ResourceErrors(logical_id, resource_json, physical_id):
        if isinstance(resource, StackResource):
            resource.delete(resource_map._account_id, resource_map._region_name)
        else:
            resource_map._delete_resource(resource, resource_json)
    resource_map._parsed_resources.pop(logical_id)


def delete_resources(resource_map: Any) -> None:
    """Delete what the stack made, last made first, going on past what cannot be deleted."""
    failures: list[str] = []
    resources = resource_map._resource_json_map
    for logical_id in reversed([key for key in resource_map._parsed_resources if key in resources]):
        if resources[logical_id].get("DeletionPolicy") in KEPT:
            continue
        try:
            _delete_one(resource_map, logical_id, resources[logical_id])
        except ValidationError as error:
            failures.append(error.message)
    if failures:
        raise ValidationError(message="; ".join(failures))


def without_nothing(value: Any) -> Any:
    """`value` without list items that resolved to `AWS::NoValue`."""
    if isinstance(value, Mapping):
        return {key: without_nothing(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nothing(item) for item in value if item is not None]
    return value
