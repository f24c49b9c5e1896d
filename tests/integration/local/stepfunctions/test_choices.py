"""Choice rules: what fails an execution, and what a pattern matches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from state_machines import PASS

from infra.local.stepfunctions.choices import matches
from infra.local.stepfunctions.definition_check import definition_findings


def choosing(*rules: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Choose": {
            "Type": "Choice",
            "Choices": [{**rule, "Next": "Yes"} for rule in rules],
            "Default": "No",
        },
        "Yes": PASS | {"Result": "yes"},
        "No": PASS | {"Result": "no"},
    }


@pytest.mark.parametrize(
    "rule",
    [
        {"Variable": "$.absent", "StringEquals": "a"},
        {"Variable": "$.absent", "StringMatches": "*"},
        {"Variable": "$.absent", "IsNull": True},
        {"Variable": "$.absent", "IsString": False},
        {"Variable": "$.absent", "BooleanEquals": False},
        {"Not": {"Variable": "$.absent", "NumericLessThan": 1}},
        {"Variable": "$.deep.absent", "NumericEquals": 0},
        {"Variable": "$.n", "NumericEqualsPath": "$.absent"},
        {"Variable": "$.n", "NumericLessThanPath": "$.text"},
        {"Variable": "$.flag", "BooleanEqualsPath": "$.text"},
    ],
    ids=str,
)
def test_a_rule_about_what_is_not_there_fails_the_execution(run: Any, rule: Any) -> None:
    result = run(choosing(rule), {"n": 1, "text": "a", "flag": True, "deep": {}})
    assert (result["status"], result["error"]) == ("FAILED", "States.Runtime")


def test_only_is_present_may_ask_for_what_is_not_there(run: Any) -> None:
    guarded = [
        {"Variable": "$.absent", "IsPresent": True},
        {"Variable": "$.absent", "StringEquals": "a"},
    ]
    assert run(choosing({"And": guarded})) == "no"
    assert run(choosing({"And": guarded}), {"absent": "a"}) == "yes"
    assert run(choosing({"Variable": "$.absent", "IsPresent": False})) == "yes"
    assert run(choosing({"Variable": "$.absent", "IsPresent": True}), {"absent": None}) == "yes"


def test_a_rule_after_the_one_that_matches_is_not_looked_at(run: Any) -> None:
    rules = (
        {"Variable": "$.n", "NumericEquals": 1},
        {"Variable": "$.absent", "NumericEquals": 1},
    )
    assert run(choosing(*rules), {"n": 1}) == "yes"


def test_nothing_that_stands_around_a_choice_catches_its_failure(run: Any) -> None:
    rule = {"Variable": "$.absent", "StringEquals": "a"}
    branch = {"StartAt": "Choose", "States": choosing(rule)}
    states = {
        "Both": {
            "Type": "Parallel",
            "Branches": [branch],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
            "End": True,
        },
        "Caught": PASS,
    }
    result = run(states)
    assert (result["status"], result["error"]) == ("FAILED", "States.Runtime")


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("log-2026.txt", "log-*.txt", True),
        ("log-.txt", "log-*.txt", True),
        ("log-2026.csv", "log-*.txt", False),
        ("a\nb", "a*b", True),
        ("A", "a", False),
        ("ab", "a?", False),
        ("a?", "a?", True),
        ("a", "[ab]", False),
        ("[ab]", "[ab]", True),
        ("a*", r"a\*", True),
        ("ab", r"a\*", False),
        (r"a\b", r"a\\*", True),
        (r"a\b", r"a\b", True),
        ("", "*", True),
        (7, "*", False),
    ],
)
def test_a_pattern_knows_no_wildcard_but_the_asterisk(
    text: Any, pattern: str, expected: bool
) -> None:
    assert matches(text, pattern) is expected


def test_a_pattern_in_a_machine_knows_no_wildcard_but_the_asterisk(run: Any) -> None:
    rule = {"Variable": "$.name", "StringMatches": "run-?[0-9]"}
    assert run(choosing(rule), {"name": "run-17"}) == "no"
    assert run(choosing(rule), {"name": "run-?[0-9]"}) == "yes"


def test_a_rule_about_several_values_is_refused() -> None:
    machine = {"States": choosing({"Variable": "$.items[*].x", "IsPresent": True})}
    [finding] = definition_findings("Machine", machine)
    assert "reference path" in finding.problem
