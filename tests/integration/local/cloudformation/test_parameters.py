"""Values of parameters, and the rules for several, as CloudFormation judges them."""

from __future__ import annotations

from typing import Any

import pytest

from infra.local.cloudformation.parameters import parameter_problems, rule_problems
from infra.local.cloudformation.template_check import UnsupportedTemplateError


def problems(text: str, **declared: Any) -> list[str]:
    return list(parameter_problems({"Parameters": {"P": declared}}, {"P": text}))


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("true", {"Type": "String", "AllowedValues": ["true", "false"]}),
        ("sg-1, sg-2", {"Type": "CommaDelimitedList", "AllowedPattern": "sg-[0-9]"}),
        ("-1.5e3", {"Type": "Number", "MaxValue": 0}),
        ("1,2", {"Type": "List<Number>", "AllowedValues": [1, 2, 3]}),
        ("abc", {"Type": "String", "MinLength": 3, "MaxLength": "3"}),
    ],
)
def test_a_value_within_its_bounds_is_taken(text: str, declared: dict[str, Any]) -> None:
    assert problems(text, **declared) == []


@pytest.mark.parametrize(
    ("text", "declared", "problem"),
    [
        ("maybe", {"Type": "String", "AllowedValues": ["true"]}, "must be one of true"),
        ("sg-1,x", {"Type": "CommaDelimitedList", "AllowedPattern": "sg-.*"}, "must match sg-"),
        ("x-sg", {"Type": "String", "AllowedPattern": "sg"}, "must match sg"),
        ("many", {"Type": "Number"}, "must be a number"),
        ("3", {"Type": "Number", "MinValue": 4}, "must be 4 or more"),
        ("5", {"Type": "Number", "MaxValue": 4}, "must be 4 or less"),
        ("ab", {"Type": "String", "MinLength": 3}, "must have 3 characters or more"),
        ("abcd", {"Type": "String", "MaxLength": 3}, "must have 3 characters or fewer"),
        (
            "x",
            {"Type": "Number", "ConstraintDescription": "so many hosts"},
            "parameter P is 'x': so many hosts",
        ),
    ],
)
def test_a_value_beyond_them_is_refused_in_words(
    text: str, declared: dict[str, Any], problem: str
) -> None:
    (found,) = problems(text, **declared)
    assert problem in found


def rule(assertion: Any, condition: Any = True) -> dict[str, Any]:
    return {
        "Parameters": {
            "Name": {"Type": "String", "Default": "a"},
            "Names": {"Type": "CommaDelimitedList", "Default": ""},
        },
        "Rules": {"R": {"RuleCondition": condition, "Assertions": [{"Assert": assertion}]}},
    }


NAME, NAMES = {"Ref": "Name"}, {"Ref": "Names"}


@pytest.mark.parametrize(
    ("assertion", "given", "holds"),
    [
        ({"Fn::Equals": [NAME, "a"]}, {}, True),
        ({"Fn::Not": [{"Fn::Equals": [NAME, "a"]}]}, {}, False),
        ({"Fn::Contains": [["a", "b"], NAME]}, {"Name": "c"}, False),
        ({"Fn::EachMemberEquals": [NAMES, ""]}, {}, True),
        ({"Fn::EachMemberEquals": [NAMES, "x"]}, {"Names": "x,y"}, False),
        ({"Fn::EachMemberIn": [NAMES, ["x", "y"]]}, {"Names": "x,y"}, True),
        ({"Fn::And": [True, {"Fn::Equals": [NAME, "b"]}]}, {}, False),
        ({"Fn::Or": [False, {"Fn::Equals": [NAME, "b"]}]}, {"Name": "b"}, True),
    ],
)
def test_a_rule_holds_as_its_functions_say(
    assertion: Any, given: dict[str, str], holds: bool
) -> None:
    found = list(rule_problems(rule(assertion), given))
    assert found == ([] if holds else ["the rule R does not hold"])


def test_a_rule_is_asked_only_under_its_condition() -> None:
    never = rule(False, {"Fn::Equals": [NAME, "b"]})
    assert list(rule_problems(never, {})) == []
    assert list(rule_problems(never, {"Name": "b"})) == ["the rule R does not hold"]


@pytest.mark.parametrize(
    "assertion",
    [
        {"Fn::Equals": [{"Fn::ValueOf": ["Name", "VpcId"]}, "a"]},
        {"Fn::Like": [NAME, "a"]},
    ],
)
def test_a_function_that_is_not_evaluated_here_is_an_error(assertion: Any) -> None:
    with pytest.raises(UnsupportedTemplateError, match="is not supported in rules"):
        list(rule_problems(rule(assertion), {}))
