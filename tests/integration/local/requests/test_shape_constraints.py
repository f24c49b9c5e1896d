"""A value against a shape of a service model."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.model import ServiceModel

from infra.local.requests.shape_constraints import violations

SHAPES: dict[str, Any] = {
    "Input": {
        "type": "structure",
        "required": ["Name"],
        "members": {
            "Name": {"shape": "Name"},
            "Count": {"shape": "Count"},
            "Kind": {"shape": "Kind"},
            "Names": {"shape": "Names"},
            "Parts": {"shape": "Parts"},
            "Variables": {"shape": "Variables"},
            "Secret": {"shape": "Secret"},
            "Java": {"shape": "Java"},
        },
    },
    "Name": {"type": "string", "min": 2, "max": 4, "pattern": "[a-z]+"},
    "Count": {"type": "integer", "min": 1, "max": 9},
    "Kind": {"type": "string", "enum": ["ml.m5.large", "ml.g5.xlarge"]},
    "Names": {"type": "list", "member": {"shape": "Name"}, "max": 2},
    "Parts": {"type": "list", "member": {"shape": "Part"}},
    "Part": {"type": "structure", "required": ["Of"], "members": {"Of": {"shape": "Name"}}},
    "Variables": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Name"}},
    "Secret": {"type": "string", "max": 2, "sensitive": True},
    "Java": {"type": "string", "pattern": "\\p{Print}+"},
}


def found(**members: Any) -> list[str]:
    model = ServiceModel({"metadata": {}, "operations": {}, "shapes": SHAPES}, "service")
    return violations(model.shape_for("Input"), {"Name": "ab"} | members)


def test_what_keeps_to_the_shape_is_in_order() -> None:
    assert not found(
        Count=9,
        Kind="ml.m5.large",
        Names=["ab", "cd"],
        Parts=[{"Of": "ab"}],
        Variables={"ab": "cd"},
        Secret="ab",
    )


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"Name": None}, "Value null at 'name' failed to satisfy constraint: Member must not be"),
        (
            {"Name": "a"},
            "Value 'a' at 'name' failed to satisfy constraint: Member must have length "
            "greater than or equal to 2",
        ),
        ({"Name": "abcde"}, "Member must have length less than or equal to 4"),
        ({"Name": "ab_"}, "Member must satisfy regular expression pattern: [a-z]+"),
        ({"Count": 0}, "Member must have value greater than or equal to 1"),
        ({"Count": 10}, "Member must have value less than or equal to 9"),
        ({"Kind": "ml.none"}, "Member must satisfy enum value set: [ml.m5.large, ml.g5.xlarge]"),
        ({"Names": ["ab"] * 3}, "at 'names' failed to satisfy constraint: Member must have length"),
        (
            {"Names": ["a"]},
            "at 'names' failed to satisfy constraint: Member must satisfy "
            "constraint: [Member must have length greater than or equal to 2]",
        ),
        ({"Parts": [{"Of": "ab"}, {"Of": "a"}]}, "Value 'a' at 'parts.2.member.of' failed"),
        ({"Parts": [{}]}, "Value null at 'parts.1.member.of' failed"),
        ({"Variables": {"a": "ab"}}, "at 'variables' failed to satisfy constraint: Map keys must"),
        ({"Variables": {"ab": "a"}}, "at 'variables' failed to satisfy constraint: Map value must"),
    ],
    ids=str,
)
def test_what_breaks_it_is_said_in_the_words_of_aws(members: dict[str, Any], expected: str) -> None:
    [problem] = found(**members)
    assert expected in problem


def test_a_sensitive_value_is_not_repeated() -> None:
    [problem] = found(Secret="abc")
    assert "abc" not in problem


def test_a_pattern_that_python_cannot_read_refuses_nothing() -> None:
    assert not found(Java="\n")


def test_an_instance_type_of_this_machine_stands_beside_those_of_aws() -> None:
    assert not found(Kind="ml.local.cpu4")
