"""Whether a template takes the parameters that it is given, by CloudFormation's rules.

CloudFormation refuses a wrong value, and a combination that the template's `Rules` rule out, before
it changes anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.local.stepfunctions.definition_check import Finding, UnsupportedTemplateError

Value = str | list[str]


def parameter_problems(template: Mapping[str, Any], given: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with each value that is given.

    Args:
        given: Parameters of this template alone.
    """
    for name, text in given.items():
        declared = template["Parameters"][name]
        if problem := _value_problem(declared, text):
            told = declared.get("ConstraintDescription")
            yield f"parameter {name} is {text!r}: {told or problem}"


def rule_problems(template: Mapping[str, Any], given: Mapping[str, str]) -> Iterator[str]:
    """What each rule of the template says against the values, those by default included.

    Raises:
        UnsupportedTemplateError: A rule has a function that is not evaluated here.
    """
    values = {
        name: _listed(declared, given.get(name, str(declared.get("Default", ""))))
        for name, declared in template.get("Parameters", {}).items()
    }
    for name, rule in template.get("Rules", {}).items():
        if not _holds(rule.get("RuleCondition", True), values):
            continue
        for assertion in rule["Assertions"]:
            if not _holds(assertion["Assert"], values):
                yield assertion.get("AssertDescription") or f"the rule {name} does not hold"


def _value_problem(declared: Mapping[str, Any], text: str) -> str | None:
    items = text.split(",") if _is_list(declared) else [text]
    allowed = [str(value) for value in declared.get("AllowedValues", items)]
    pattern = declared.get("AllowedPattern")
    numbers = declared["Type"] in ("Number", "List<Number>")
    for item in (item.strip() if _is_list(declared) else item for item in items):
        if item not in allowed and declared.get("AllowedValues"):
            return f"it must be one of {', '.join(allowed)}"
        if pattern is not None and not re.fullmatch(pattern, item):
            return f"it must match {pattern}"
        if numbers and (problem := _number_problem(declared, item)):
            return problem
    shortest, longest = declared.get("MinLength"), declared.get("MaxLength")
    if shortest is not None and len(text) < int(shortest):
        return f"it must have {shortest} characters or more"
    if longest is not None and len(text) > int(longest):
        return f"it must have {longest} characters or fewer"
    return None


def _number_problem(declared: Mapping[str, Any], item: str) -> str | None:
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", item):
        return "it must be a number"
    lowest, highest = declared.get("MinValue"), declared.get("MaxValue")
    if lowest is not None and float(item) < float(lowest):
        return f"it must be {lowest} or more"
    if highest is not None and float(item) > float(highest):
        return f"it must be {highest} or less"
    return None


def _is_list(declared: Mapping[str, Any]) -> bool:
    kind: str = declared["Type"]
    return kind == "CommaDelimitedList" or kind.startswith("List<")


def _listed(declared: Mapping[str, Any], text: str) -> Value:
    return [item.strip() for item in text.split(",")] if _is_list(declared) else text


def _holds(expression: Any, values: Mapping[str, Value]) -> bool:
    """What one of the functions of rules says; they are fewer than those of conditions."""
    if isinstance(expression, bool):
        return expression
    ((function, arguments),) = expression.items()
    if function == "Fn::Not":
        return not _holds(arguments[0], values)
    if function == "Fn::And":
        return all(_holds(argument, values) for argument in arguments)
    if function == "Fn::Or":
        return any(_holds(argument, values) for argument in arguments)
    first, second = (_resolved(argument, values) for argument in arguments)
    if function == "Fn::Equals":
        return first == second
    if function == "Fn::Contains":
        return second in first
    if function == "Fn::EachMemberEquals":
        return all(item == second for item in first)
    if function == "Fn::EachMemberIn":
        return all(item in second for item in first)
    raise _unsupported(function)


def _resolved(argument: Any, values: Mapping[str, Value]) -> Value:
    if isinstance(argument, Mapping):
        ((function, name),) = argument.items()
        if function != "Ref" or name not in values:
            raise _unsupported(f"{function} of {name}")
        return values[name]
    if isinstance(argument, Sequence) and not isinstance(argument, str):
        return [str(item) for item in argument]
    return str(argument)


def _unsupported(function: str) -> UnsupportedTemplateError:
    return UnsupportedTemplateError([Finding("Rules", f"{function} is not supported in rules")])
