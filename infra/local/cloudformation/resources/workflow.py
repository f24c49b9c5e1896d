"""Step Functions state machines."""

from __future__ import annotations

import json
import re
from typing import Any

from infra.local.cloudformation.resources.handler import (
    Physical,
    Properties,
    ResourceHandler,
    camel,
    picked,
    tags_of,
)
from infra.local.host.clients import Cloud
from infra.local.stepfunctions.definition_check import check_definition


class StepFunctionsStateMachine(ResourceHandler):
    type = "AWS::StepFunctions::StateMachine"
    name_property = "StateMachineName"
    max_name = 80
    replaced_by = frozenset({"StateMachineName", "StateMachineType"})

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        tags = [camel(tag) for tag in tags_of(properties)]
        arn = cloud.client("stepfunctions").create_state_machine(
            name=name,
            definition=_definition(cloud, name, properties),
            roleArn=properties["RoleArn"],
            type=properties.get("StateMachineType", "STANDARD"),
            tags=tags,
            **self._options(properties),
        )["stateMachineArn"]
        return Physical(arn, {"Arn": arn, "Name": name})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        cloud.client("stepfunctions").update_state_machine(
            stateMachineArn=physical.id,
            definition=_definition(cloud, physical.attributes["Name"], new),
            roleArn=new["RoleArn"],
            **self._options(new),
        )
        return physical

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("stepfunctions").delete_state_machine(stateMachineArn=physical.id)

    def _options(self, properties: Properties) -> dict[str, Any]:
        names = ("LoggingConfiguration", "TracingConfiguration")
        options: dict[str, Any] = camel(picked(properties, *names))
        return options


def _definition(cloud: Cloud, name: str, properties: Properties) -> str:
    """The definition, whichever property it came in, with its substitutions made, and checked."""
    if "DefinitionString" in properties:
        text = properties["DefinitionString"]
    elif "DefinitionS3Location" in properties:
        location = properties["DefinitionS3Location"]
        stored = cloud.client("s3").get_object(
            **picked(location, "Bucket", "Key"),
            **({"VersionId": location["Version"]} if "Version" in location else {}),
        )
        text = stored["Body"].read().decode()
    else:
        text = json.dumps(properties["Definition"])
    substitutions = properties.get("DefinitionSubstitutions", {})
    definition = re.sub(
        r"\$\{(\w+)\}", lambda match: str(substitutions.get(match[1], match[0])), text
    )
    check_definition(name, definition)
    return definition


HANDLERS: tuple[ResourceHandler, ...] = (StepFunctionsStateMachine(),)
