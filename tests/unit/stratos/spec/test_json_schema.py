"""Schemas are checked once, whole; answers are checked as the standard says."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.scoring.verifiers import is_correct
from stratos.spec import JsonSchema
from stratos.spec.json_schema import check_schema, is_valid

TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
            "required": ["children"],
        }
    },
}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "strin"}, r"\$\.type: 'strin'"),
        ({"properties": {"a": {"minimum": "x"}}}, r"\$\.properties\.a\.minimum: 'x'"),
        ({"items": {"pattern": "("}}, r"\$\.items\.pattern: '\('"),
        ({"$ref": "#/$defs/missing"}, r"'#/\$defs/missing' leads nowhere"),
        ({"items": {"$ref": "https://example.com/schema"}}, "leads nowhere"),
    ],
)
def test_what_is_no_schema_is_refused_with_its_place(schema: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_schema(schema)


@pytest.mark.parametrize(
    ("value", "schema", "valid"),
    [
        (1.0, {"type": "integer"}, True),
        (True, {"type": "integer"}, False),
        (1, {"const": True}, False),
        ("x", {"format": "email", "madeUp": 1}, True),
        ({"b": 1}, {"patternProperties": {"^a": True}, "additionalProperties": False}, False),
        ([1, "a"], {"prefixItems": [{"type": "integer"}], "items": False}, False),
        ({"children": [{"children": []}]}, TREE, True),
        ({"children": [{"child": []}]}, TREE, False),
        (
            [1, "a"],
            {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{}, {"type": "null"}]},
            False,
        ),
    ],
)
def test_values_are_judged_as_the_standard_says(
    value: object, schema: dict[str, Any], valid: bool
) -> None:
    check_schema(schema)
    assert is_valid(value, schema) is valid


def test_a_schema_that_refers_to_itself_without_end_holds_for_nothing() -> None:
    check_schema({"$ref": "#"})
    assert not is_valid(1, {"$ref": "#"})


def test_the_verifier_asks_for_equality_and_for_the_schema() -> None:
    verifier = JsonSchema(kind="json", json_schema=TREE)
    assert is_correct(verifier, '{"children": []}', '{"children": []}')
    assert not is_correct(verifier, '{"child": []}', '{"child": []}')


TWO_WAYS = {
    "$ref": "#/$defs/list",
    "$defs": {
        "list": {
            "anyOf": [
                {"type": "string"},
                {"items": {"$ref": "#/$defs/list"}, "minItems": 2},
                {"items": {"$ref": "#/$defs/list"}, "maxItems": 0},
            ]
        }
    },
}


def test_a_schema_that_leads_back_to_itself_in_two_ways_comes_to_an_end() -> None:
    value: list[object] = []
    for _ in range(40):
        value = [value]
    assert not is_valid(value, TWO_WAYS)
    assert is_valid(["a", ["b", "c"]], TWO_WAYS)


@pytest.mark.parametrize(
    ("value", "unique"),
    [
        ([1, True], True),
        ([1, 1.0], False),
        ([{"a": 1}, {"a": 2}], True),
        ([{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}], False),
        (["1", 1, None, {}], True),
    ],
)
def test_items_are_unique_as_json_values(value: object, unique: bool) -> None:
    assert is_valid(value, {"uniqueItems": True}) is unique


def test_patterns_of_a_schema_are_matched_anywhere_in_a_text() -> None:
    assert is_valid("xay", {"pattern": "a"})
    assert not is_valid("xy", {"pattern": "a"})
    closed = {"patternProperties": {"a$": {"type": "string"}}, "additionalProperties": False}
    assert is_valid({"xa": "y"}, closed)
    assert not is_valid({"xa": 1}, closed)
    assert not is_valid({"x": "y"}, closed)


def test_many_parts_that_nothing_evaluates_are_not_looked_for() -> None:
    schema = {"type": "object", "unevaluatedProperties": {"type": "integer"}}
    assert is_valid({"a": 1}, schema)
    assert not is_valid({str(number): 1 for number in range(2_000)}, schema)
