"""CloudFormation that makes every resource, or says which one it cannot make.

Stock moto skips a type it does not know with a warning, updates a resource only where its own text
in the template changed, and names resources at random, so that a changed reference goes unseen.
Here every type goes to a handler, resources are updated in dependency order wherever their
*resolved* properties changed, and physical names depend on the stack and logical id alone: a
stack restored from its template finds its buckets and ARNs again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import yaml
from moto.cloudformation import models, parsing
from moto.cloudformation.exceptions import ValidationError

from infra.local.cloudformation.change_sets import ChangeSets
from infra.local.cloudformation.resources import HANDLERS, ResourceHandler
from infra.local.cloudformation.resources.handler import Properties
from infra.local.cloudformation.stack_resources import (
    CHANGING,
    ResourceErrors,
    StackResource,
    delete_resources,
    in_dependency_order,
    remember_outputs,
    update_resources,
    without_nothing,
)
from infra.local.host.clients import Cloud, cloud_at
from infra.local.host.patching import Patches
from infra.local.host.settings import REGION, LocalSettings

_SETTLED = frozenset(("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"))
_ORDER = "_ResourceMap__get_resources_in_dependency_order"
_LONGEST_NAME = 128


class _ResourceType:
    """A handler in the shape of the model class that moto's parser calls."""

    def __init__(self, handler: ResourceHandler, cloud: Cloud) -> None:
        self._handler = handler
        self._cloud = cloud

    def has_cfn_attr(self, attribute: str) -> bool:
        return True  # Whether it does is known once it is created.

    def create_from_cloudformation_json(
        self, name: str, resource_json: Properties, account_id: str, region: str, **_: Any
    ) -> StackResource:
        properties = without_nothing(resource_json["Properties"])
        cloud = self._cloud.in_region(region)
        physical = self._handler.create(cloud, name, properties)
        return StackResource(self._handler, cloud, name, physical, properties)


class CloudFormation:
    """The seam: handlers for resource types, and stacks that update by what really changed."""

    def __init__(self) -> None:
        self._patches = Patches()
        self._change_sets = ChangeSets(self._patches)

    def install(self, settings: LocalSettings) -> None:
        cloud = cloud_at(settings.endpoint_url)
        types = {name: _ResourceType(handler, cloud) for name, handler in HANDLERS.items()}
        replace = self._patches.replace

        def resource_class_from_type(resource_type: str) -> Any:
            if resource_type in types:
                return types[resource_type]
            model = parsing.get_model_map().get(resource_type)
            if model is None or resource_type.startswith("Custom::"):
                raise ValidationError(
                    message=f"resource type {resource_type} is not supported by the embedded "
                    "cloud; express it with a supported type, or add a handler for it to "
                    "infra/local/cloudformation/resources"
                )
            return model

        def resource_name_property_from_type(resource_type: str) -> str | None:
            if resource_type in HANDLERS:
                return HANDLERS[resource_type].name_property
            name: str | None = original_name_property(resource_type)
            return name

        def parse_and_name(logical_id: str, resource_json: Any, resource_map: Any) -> Any:
            with _naming_in(resource_map["AWS::Region"]):
                return original_naming(logical_id, resource_json, resource_map)

        def create_resource(logical_id: str, resource_json: Any, *args: Any, **kwargs: Any) -> Any:
            with ResourceErrors(logical_id, resource_json):
                return original_create_resource(logical_id, resource_json, *args, **kwargs)

        self._clear_model_caches()
        replace(parsing, "resource_class_from_type", resource_class_from_type)
        original_name_property = replace(
            parsing, "resource_name_property_from_type", resource_name_property_from_type
        )
        replace(parsing, "generate_resource_name", _resource_name)
        original_naming = replace(parsing, "parse_resource_and_generate_name", parse_and_name)
        original_create_resource = replace(parsing, "parse_and_create_resource", create_resource)
        replace(parsing.ResourceMap, _ORDER, in_dependency_order)
        replace(parsing.ResourceMap, "update", update_resources)
        replace(parsing.ResourceMap, "delete", delete_resources)
        self._mend_stacks()
        self._change_sets.install(settings)

    def _mend_stacks(self) -> None:
        """A stack that fails says so, and an update that fails leaves its parameters."""

        def create_resources(stack: Any) -> None:
            try:
                original_create(stack)
            except Exception:
                stack.status = "CREATE_FAILED"
                raise

        def update(stack: Any, *args: Any, **kwargs: Any) -> None:
            known = stack.resource_map
            before = known.input_parameters, dict(known.resolved_parameters)
            remember_outputs(stack)
            stack.status = "UPDATE_IN_PROGRESS"
            try:
                original_update(stack, *args, **kwargs)
            except Exception:
                stack.status = "UPDATE_FAILED"
                known.input_parameters, known.resolved_parameters = before
                raise

        replace = self._patches.replace
        original_create = replace(models.Stack, "create_resources", _alone(create_resources))
        original_update = replace(models.Stack, "update", _alone(update))
        for owner, name in (
            (models.CloudFormationBackend, "create_stack"),
            (models.CloudFormationBackend, "update_stack"),
            (models.CloudFormationBackend, "delete_stack"),
            (models.Stack, "delete"),
        ):
            replace(owner, name, _alone(getattr(owner, name)))
        replace(models.Stack, "outputs", _told_when_settled(models.Stack.outputs))
        replace(models.Stack, "stack_resources", property(_resources_so_far))
        replace(models.Stack, "parse_template", staticmethod(_parse_template))
        replace(models.Stack, "parameter_list", property(_parameters))

    def close(self) -> None:
        self._change_sets.close()
        self._patches.restore()
        self._clear_model_caches()

    def _clear_model_caches(self) -> None:
        for cached in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
            cached.cache_clear()


def _alone(original: Callable[..., Any]) -> Callable[..., Any]:
    def run(*arguments: Any, **named: Any) -> Any:
        with CHANGING:
            return original(*arguments, **named)

    return run


def _told_when_settled(original: property) -> property:
    """A stack's outputs; until it is made, none, and while it is changed, those of before.

    Stock moto makes a resource when its name is looked up, so that whoever looked at a stack that
    is being made would make it a second time, and of one that has failed, what it has not made.
    """
    read = original.fget
    assert read is not None

    def outputs(stack: Any) -> Any:
        if stack.status in _SETTLED:
            stack.told_outputs = read(stack)
        return getattr(stack, "told_outputs", None)

    return property(outputs)


def _resources_so_far(stack: Any) -> list[Any]:
    known = stack.resource_map
    return [known._parsed_resources[name] for name in known if name in known._parsed_resources]


_naming_region: ContextVar[str] = ContextVar("naming_region", default=REGION)


@contextmanager
def _naming_in(region: str) -> Iterator[None]:
    """Tell `_resource_name` the region of the stack, for which moto has no place."""
    token = _naming_region.set(region)
    try:
        yield
    finally:
        _naming_region.reset(token)


def _resource_name(resource_type: str, stack_name: str, logical_id: str) -> str:
    """A physical name that is the same whenever this stack is made again.

    A stack of the same name in another region has others: names of buckets and roles are not of a
    region.
    """
    region = _naming_region.get()
    place = "" if region == REGION else f"{region}/"
    digest = hashlib.sha256(f"{place}{stack_name}/{logical_id}".encode()).hexdigest()
    handler = HANDLERS.get(resource_type)
    longest = handler.max_name if handler else _LONGEST_NAME
    room = longest - 1 - 12
    name = f"{stack_name}-{logical_id}"[:room].rstrip("-") + f"-{digest[:12].upper()}"
    return name.lower() if resource_type == "AWS::S3::Bucket" else name


def _parameters(stack: Any) -> list[dict[str, str]]:
    """What stock moto tells of a stack's parameters, with lists as they were given."""
    return [
        {
            "ParameterKey": key,
            "ParameterValue": ",".join(map(str, value)) if isinstance(value, list) else str(value),
        }
        for key, value in stack.resource_map.resolved_parameters.items()
    ]


class _TemplateLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, such as `!Ref`, and no Python objects."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    return models.yaml_tag_constructor(loader, f"!{suffix}", node)


_TemplateLoader.add_multi_constructor("!", _short_form)


def _parse_template(template: str) -> Any:
    """The template as a mapping. A JSON one is not read as YAML, which takes seconds."""
    try:
        if template.lstrip().startswith("{"):
            return json.loads(template)
        return yaml.load(template, Loader=_TemplateLoader)
    except (ValueError, yaml.YAMLError) as error:
        raise ValidationError(message=f"Template format error: {error}") from error
