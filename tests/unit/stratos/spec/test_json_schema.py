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
