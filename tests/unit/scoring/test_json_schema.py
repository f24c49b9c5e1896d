import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.scoring.json_schema import violations

SCHEMAS = [
    {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
    {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 2},
    {"type": ["array", "null"], "items": {"type": "number"}, "minItems": 1, "uniqueItems": True},
    {"enum": [1, "a", None, [True]]},
    {"const": {"a": 1}},
    {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^a"},
    {"type": "number", "minimum": 0, "exclusiveMaximum": 3},
    {"anyOf": [{"type": "boolean"}, {"type": "integer", "maximum": 1}]},
    {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 1}]},
    {"not": {"type": "object"}},
    {"allOf": [{"type": "array"}, {"maxItems": 1}]},
    {"type": "object", "additionalProperties": False},
]
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 4)
    | st.sampled_from([0.5, 1.0, 2.5])
    | st.sampled_from(["", "a", "ab", "abc", "abcde", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=5,
)


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
@given(value=values)
def test_it_agrees_with_the_reference_validator(schema, value):
    valid = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert (violations(value, schema) == []) is valid


def test_a_violation_names_its_place():
    schema = {"properties": {"items": {"items": {"properties": {"n": {"type": "integer"}}}}}}
    assert violations({"items": [{"n": 1}, {"n": "x"}]}, schema) == [
        "$.items[1].n: expected integer"
    ]


def test_an_unknown_keyword_is_an_error():
    with pytest.raises(ValueError, match="'format' at \\$ is not supported"):
        violations("x", {"format": "email"})
