"""The state machine's definition, read back from a synthesized template."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

State = Mapping[str, Any]


def definition_of(template: Mapping[str, Any], *, in_vpc: bool = False) -> dict[str, Any]:
    """The definition as JSON; what CloudFormation would fill in is `<LogicalId.Attribute>`.

    Parameters have their defaults.

    Args:
        in_vpc: What the template's one condition says.

    Raises:
        ValueError: unless the template holds exactly one state machine.
    """
    machines = [
        resource
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::StepFunctions::StateMachine"
    ]
    if len(machines) != 1:
        raise ValueError(f"the template holds {len(machines)} state machines, not one")
    text = machines[0]["Properties"]["DefinitionString"]
    if isinstance(text, Mapping):
        text = _filled(text, template.get("Parameters", {}), in_vpc)
    definition: dict[str, Any] = json.loads(text)
    return definition


def states_of(definition: Mapping[str, Any]) -> Iterator[tuple[str, State]]:
    """Every state with its name, from the first on; those of a Map after the Map."""
    states = definition["States"]
    pending, seen = [definition["StartAt"]], set()
    while pending:
        name = pending.pop(0)
        if name in seen:
            continue
        seen.add(name)
        yield name, states[name]
        if "ItemProcessor" in states[name]:
            yield from states_of(states[name]["ItemProcessor"])
        pending = [*next_states(states[name]), *pending, *caught_by(states[name]).values()]


def next_states(state: State) -> list[str]:
    """Where a state goes when nothing fails."""
    choices = [choice["Next"] for choice in state.get("Choices", ())]
    return [*choices, *(state[key] for key in ("Default", "Next") if key in state)]


def caught_by(state: State) -> dict[str, str]:
    """Caught error → the state that follows it."""
    return {
        error: catch["Next"] for catch in state.get("Catch", ()) for error in catch["ErrorEquals"]
    }


def reads(state: State) -> list[str]:
    """The fields of the execution's data that a state reads, in order of appearance."""
    found: dict[str, None] = {}

    def visit(value: Any) -> None:
        if isinstance(value, Mapping):
            for key, item in value.items():
                if key not in ("ResultSelector", "ItemProcessor", "ResultPath", "Catch"):
                    visit(item)
        elif isinstance(value, list):
            for item in value:
                visit(item)
        elif isinstance(value, str):
            for word in value.replace("(", " ").replace(",", " ").replace(")", " ").split():
                # A word of a job's command may be a shell's variable.
                if word == "$" or word.startswith("$."):
                    found[word] = None

    visit({key: item for key, item in state.items() if key != "Comment"})
    return list(found)


def _filled(part: Any, parameters: Mapping[str, Any], in_vpc: bool) -> str:
    if isinstance(part, str):
        return part
    ((function, value),) = part.items()
    if function == "Fn::Join":
        separator, parts = value
        listed = parts if isinstance(parts, list) else [parts]
        return str(separator).join(_filled(item, parameters, in_vpc) for item in listed)
    if function == "Fn::If":
        _, given, missing = value
        return _filled(given if in_vpc else missing, parameters, in_vpc)
    if parameters.get(value if isinstance(value, str) else "", {}).get("Default"):
        return str(parameters[value]["Default"])
    return f"<{value if isinstance(value, str) else '.'.join(value)}>"
