"""What every record of a family must keep."""

import re

import pytest

from serving.export.families.known import FAMILIES


@pytest.mark.parametrize("name", FAMILIES)
def test_no_rule_hides_a_later_one(name):
    patterns = [rule.pattern for rule in FAMILIES[name].rules]
    assert len(set(patterns)) == len(patterns)
    for pattern in patterns:
        re.compile(f"{pattern}$")


@pytest.mark.parametrize("name", FAMILIES)
def test_names_in_the_file_are_those_of_a_layer(name):
    for rule in FAMILIES[name].rules:
        assert all(made.startswith("blk.{layer}.") for made in rule.names)
