"""What a state machine definition asks for that the embedded cloud would get wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.stepfunctions.json_paths import is_definite, unquoted
from stratos.errors import StratosError

SAGEMAKER_ACTIONS = frozenset(
    {
        "createTrainingJob",
        "createTrainingJob.sync",
        "createTransformJob",
        "createTransformJob.sync",
        "createModel",
        "createEndpointConfig",
        "createEndpoint",
        "updateEndpoint",
    }
)
_DYNAMODB_ACTIONS = frozenset({"getItem", "putItem", "updateItem", "deleteItem"})
SERVICE_ACTIONS: Mapping[str, frozenset[str]] = {
    "dynamodb": _DYNAMODB_ACTIONS,
    "events": frozenset({"putEvents", "putEvents.waitForTaskToken"}),
    "lambda": frozenset({"invoke", "invoke.waitForTaskToken"}),
    "sagemaker": SAGEMAKER_ACTIONS,
    "sns": frozenset({"publish", "publish.waitForTaskToken"}),
    "sqs": frozenset({"sendMessage", "sendMessage.waitForTaskToken"}),
    "states": frozenset(
        {
            "startExecution",
            "startExecution.sync",
            "startExecution.sync:2",
            "startExecution.waitForTaskToken",
        }
    ),
}
"""Optimised integrations that run here, with their patterns."""

_READABLE = ("CSV", "JSON")
_PATH_FIELDS = ("InputPath", "OutputPath", "ItemsPath", "Variable")


class UnsupportedTemplateError(StratosError):
    """The template needs what the embedded cloud lacks; each finding is on its own line."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        lines = "\n".join(f"  {finding}" for finding in self.findings)
        super().__init__(
            f"the embedded cloud cannot run this template ({len(self.findings)} findings):\n{lines}"
        )


@dataclass(frozen=True)
class Finding:
    """One thing to change, and where, e.g. `Workflow.States.Probe.ItemProcessor.States.Run`."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


def check_definition(name: str, definition: str) -> None:
    """Refuse a state machine definition (JSON text) that would not do here what it does on AWS.

    Raises:
        UnsupportedTemplateError: Lists every finding.
    """
    if findings := list(definition_findings(name, json.loads(definition))):
        raise UnsupportedTemplateError(findings)


def definition_findings(path: str, machine: Mapping[str, Any]) -> Iterator[Finding]:
    """What is wrong in a state machine, or in a branch or processor of one, at `path`."""
    if machine.get("QueryLanguage") == "JSONata":
        yield Finding(path, "JSONata is not supported; use JSONPath")
    for name, state in machine.get("States", {}).items():
        yield from _state_findings(f"{path}.States.{name}", state)


def _state_findings(path: str, state: Mapping[str, Any]) -> Iterator[Finding]:
    if state.get("QueryLanguage") == "JSONata":
        yield Finding(path, "JSONata is not supported; use JSONPath")
    if "Assign" in state:
        yield Finding(f"{path}.Assign", "variables are not supported; pass values in the state")
    if state.get("Type") == "Task":
        yield from _resource_findings(path, str(state.get("Resource", "")))
    if state.get("Type") == "Map":
        yield from _map_findings(path, state)
    for index, branch in enumerate(state.get("Branches", [])):
        yield from definition_findings(f"{path}.Branches[{index}]", branch)
    for key in ("ItemProcessor", "Iterator"):
        if key in state:
            yield from definition_findings(f"{path}.{key}", state[key])
    nested = ("Branches", "ItemProcessor", "Iterator")
    for field, json_path in _paths({k: v for k, v in state.items() if k not in nested}):
        if problem := _path_problem(field, json_path):
            yield Finding(f"{path}.{field}", problem)


def _map_findings(path: str, state: Mapping[str, Any]) -> Iterator[Finding]:
    for field in ("ResultWriter", "ItemBatcher"):
        if field in state:
            yield Finding(f"{path}.{field}", f"{field} is not supported; write from the items")
    processor = state.get("ItemProcessor", {})
    if processor.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED":
        yield from _distributed_findings(path, state, processor)
    reader = state.get("ItemReader")
    if reader is None:
        return
    if str(reader.get("Resource", "")).endswith("listObjectsV2"):
        yield Finding(f"{path}.ItemReader", "listing a bucket is not supported; pass the items")
    elif (kind := reader.get("ReaderConfig", {}).get("InputType")) not in _READABLE:
        yield Finding(
            f"{path}.ItemReader", f"InputType {kind} is not supported; use {' or '.join(_READABLE)}"
        )


def _distributed_findings(
    path: str, state: Mapping[str, Any], processor: Mapping[str, Any]
) -> Iterator[Finding]:
    """What an item's own execution would do on AWS, and does not here, where it has none."""
    kind = processor["ProcessorConfig"].get("ExecutionType")
    if kind != "STANDARD":
        yield Finding(f"{path}.ItemProcessor", f"items run as STANDARD here, not as {kind}")
    if state.get("ToleratedFailurePercentage") != 100 or "ToleratedFailureCount" in state:
        yield Finding(
            path,
            "a Distributed Map goes on here whatever fails: set ToleratedFailurePercentage to 100, "
            "let items catch their errors, and look at what they came to",
        )
    for name, inner in processor.get("States", {}).items():
        for field, json_path in _paths(inner):
            if json_path.startswith(("$$.Execution", "$$.StateMachine")):
                yield Finding(
                    f"{path}.ItemProcessor.States.{name}.{field}",
                    f"{json_path} is the parent's here; pass it in by ItemSelector",
                )


def _resource_findings(path: str, resource: str) -> Iterator[Finding]:
    if ":activity:" in resource:
        yield Finding(path, "activities are not supported; use a Lambda task token")
    if not (match := re.fullmatch(r"arn:aws[\w-]*:states:[\w-]*:\d*:(.+)", resource)):
        return  # A Lambda function by its ARN, which runs.
    service, _, action = match[1].partition(":")
    if service == "aws-sdk":
        api, _, operation = action.partition(":")
        if api.lower().startswith("bedrock"):
            yield Finding(path, "there is no Bedrock here; run the model in a training job")
        if operation.endswith(".sync"):
            yield Finding(path, "an SDK integration has no .sync")
    elif service == "bedrock":
        yield Finding(path, "there is no Bedrock here; run the model in a training job")
    elif service not in SERVICE_ACTIONS:
        yield Finding(path, f"integration {service} is not supported")
    elif action not in SERVICE_ACTIONS[service]:
        supported = ", ".join(sorted(SERVICE_ACTIONS[service]))
        yield Finding(path, f"{service}:{action} is not supported; supported are {supported}")


def _paths(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every JSONPath in a state, with the field that holds it."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _paths(item, f"{prefix}[{index}]")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            field = f"{prefix}.{key}" if prefix else key
            if isinstance(item, str) and (key.endswith((".$", "Path")) or key in _PATH_FIELDS):
                for json_path in _paths_of_expression(item):
                    yield field, json_path
            else:
                yield from _paths(item, field)


def _paths_of_expression(expression: str) -> list[str]:
    """The paths in a field's value, which may be an intrinsic function with paths as arguments."""
    if expression.startswith("$"):
        return [expression]
    without_text = re.sub(r"'(?:[^'\\]|\\.)*'", "''", expression)
    return re.findall(r"\$[^\s,()]*", without_text)


def _path_problem(field: str, path: str) -> str | None:
    if is_definite(path):
        return None
    if field.endswith(".Variable"):
        return f"{path} may match several values; a Choice rule needs a reference path"
    if re.search(r"(?:\*\]|\.\*|:\d*\]|\)\]|\.\.[\w\[]).*\[-?\d+\]$", unquoted(path)):
        return f"{path} indexes the result of a wildcard, slice or filter; select in a Lambda"
    return None
