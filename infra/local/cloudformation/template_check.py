"""What a template asks for that the embedded cloud would get wrong, found before deploying it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from infra.local.cloudformation.resources import HANDLERS
from infra.local.host.settings import ACCOUNT_ID, REGION
from infra.local.stepfunctions.definition_check import (
    Finding,
    UnsupportedTemplateError,
    definition_findings,
)


def check_template(template: Mapping[str, Any]) -> None:
    """Refuse a CloudFormation template that would not do here what it does on AWS.

    Raises:
        UnsupportedTemplateError: Lists every finding.
    """
    if findings := list(_template_findings(template)):
        raise UnsupportedTemplateError(findings)


def _template_findings(template: Mapping[str, Any]) -> Iterator[Finding]:
    resources: Mapping[str, Any] = template.get("Resources", {})
    for logical_id, resource in resources.items():
        resource_type = resource["Type"]
        if resource_type not in HANDLERS and not _has_model(resource_type):
            yield Finding(logical_id, f"resource type {resource_type} is not supported")
        properties = resource.get("Properties", {})
        if resource_type == "AWS::Lambda::Function" and properties.get("PackageType") == "Image":
            yield Finding(logical_id, "an image function needs Docker; package it as a zip")
        if resource_type == "AWS::StepFunctions::StateMachine":
            yield from _state_machine_findings(logical_id, properties, template)


def _has_model(resource_type: str) -> bool:
    """Whether moto makes it by itself; asked late, because importing its models takes seconds."""
    from moto.cloudformation.parsing import get_model_map

    return resource_type in get_model_map()


def _state_machine_findings(
    logical_id: str, properties: Mapping[str, Any], template: Mapping[str, Any]
) -> Iterator[Finding]:
    if properties.get("StateMachineType") == "EXPRESS":
        yield Finding(logical_id, "express workflows are not supported; use STANDARD")
    if "DefinitionString" in properties:
        # Both ways of its conditions: which one holds is known once there are parameters.
        text = properties["DefinitionString"]
        found: dict[Finding, None] = {}
        for holds in (True, False):
            try:
                definition = json.loads(_rendered(text, template, holds))
            except json.JSONDecodeError as error:
                yield Finding(logical_id, f"the definition is not JSON: {error}")
                return
            found |= dict.fromkeys(definition_findings(logical_id, definition))
        yield from found
    elif "Definition" in properties:
        yield from definition_findings(logical_id, properties["Definition"])


def _rendered(value: Any, template: Mapping[str, Any], holds: bool) -> str:
    """A definition's text with stand-ins for what is known only once deployed.

    Args:
        holds: What every condition says.
    """
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        listed = parts if isinstance(parts, list) else [parts]
        return str(separator).join(_rendered(part, template, holds) for part in listed)
    if "Fn::If" in value:
        _, given, missing = value["Fn::If"]
        return _rendered(given if holds else missing, template, holds)
    if default := template.get("Parameters", {}).get(value.get("Ref"), {}).get("Default"):
        return str(default)
    if "Fn::Sub" in value:
        text = value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
        return text.replace("${AWS::Partition}", "aws")
    # Any region will do: a definition is as sound in one as in another.
    pseudo = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT_ID}
    if value.get("Ref") in pseudo:
        return pseudo[value["Ref"]]
    target = value.get("Fn::GetAtt", [None])[0]
    if template["Resources"].get(target, {}).get("Type") == "AWS::Lambda::Function":
        return f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{target}"
    return "stand-in"


__all__ = ["Finding", "UnsupportedTemplateError", "check_template"]
