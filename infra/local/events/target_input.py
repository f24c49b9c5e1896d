"""What a rule's target is given: the event, a part of it, a constant, or a filled-in template.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']+)'\]")
_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.-]+)>")


def target_input(
    target: Mapping[str, Any],
    event: Mapping[str, Any],
    *,
    rule_arn: str,
    rule_name: str,
    ingestion_time: str,
) -> str:
    """JSON text for the target of a rule."""
    if (constant := target.get("Input")) is not None:
        return str(constant)
    if path := target.get("InputPath"):
        return json.dumps(value_at(event, path))
    transformer = target.get("InputTransformer")
    if not transformer:
        return json.dumps(event)
    paths = transformer.get("InputPathsMap") or {}
    variables = {name: value_at(event, path) for name, path in paths.items()} | {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_name,
        "aws.events.event.ingestion-time": ingestion_time,
        "aws.events.event": {k: v for k, v in event.items() if k != "detail"},
        "aws.events.event.json": dict(event),
    }
    return fill_template(transformer["InputTemplate"], variables)


def value_at(document: Any, path: str) -> Any:
    """The value a JSON path of names and indices leads to, or None.

    Raises:
        ValueError: the path holds anything but names and indices.
    """
    steps = list(_STEP.finditer(path, 1))
    if not path.startswith("$") or "".join(step[0] for step in steps) != path[1:]:
        raise ValueError(
            f"Input path {path!r} is no JSON path of names and indices, like $.detail.object.key "
            "or $.resources[0]."
        )
    for step in steps:
        name, index = step[1] or step[3], step[2]
        try:
            document = document[name if name is not None else int(index)]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def fill_template(template: str, variables: Mapping[str, Any]) -> str:
    """Replace each `<name>` that is a variable: by its JSON, or inside a string by its text."""
    filled: list[str] = []
    position = 0
    in_string = False
    for placeholder in _PLACEHOLDER.finditer(template):
        if placeholder[1] not in variables:
            continue
        between = template[position : placeholder.start()]
        in_string ^= len(re.findall(r'(?<!\\)"', between)) % 2 == 1
        value = variables[placeholder[1]]
        if not in_string:
            text = json.dumps(value)
        elif isinstance(value, str):
            text = json.dumps(value)[1:-1]
        else:
            text = "" if value is None else json.dumps(json.dumps(value))[1:-1]
        filled += [between, text]
        position = placeholder.end()
    return "".join([*filled, template[position:]])
