"""JSON values are compared without rounding and without mixing types."""

from __future__ import annotations

from decimal import Decimal

import pytest

from stratos.normal_text import normalise
from stratos.scoring.json_values import Likeness, equal_json, read_json, sort_key


@pytest.mark.parametrize(
    ("ours", "theirs", "equal"),
    [
        ("1", "1.0", True),
        ("1e2", "100", True),
        ("1", "true", False),
        ("0", "false", False),
        ("1", '"1"', False),
        ("null", "false", False),
        ('{"a": 1, "b": [2]}', '{"b": [2.0], "a": 1}', True),
        ('{"a": 1}', '{"a": 1, "b": null}', False),
        ("[1, 2]", "[2, 1]", False),
        ("10000000000000000000001", "10000000000000000000002", False),
        ("0.1", "0.10000000000000000001", False),
    ],
)
def test_values_are_equal_or_not(ours, theirs, equal):
    assert equal_json(read_json(ours), read_json(theirs)) is equal
    assert (sort_key(read_json(ours)) == sort_key(read_json(theirs))) is equal


def test_leaves_may_be_alike_instead_of_equal():
    likeness = Likeness(tolerance=Decimal("0.5"), text=normalise)
    assert equal_json(read_json('[1.5, "A b"]'), read_json('[1, "a-B"]'), likeness)
    assert not equal_json(read_json("[1.6]"), read_json("[1]"), likeness)
    assert not equal_json(read_json("[1]"), read_json("[true]"), likeness)


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "9" * 500, "[1] [2]"])
def test_what_is_not_json_is_refused(text):
    with pytest.raises(ValueError, match=r"JSON|characters|Extra data"):
        read_json(text)
