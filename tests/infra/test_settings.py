"""StackSettings of the stack, from cdk.json and from a command line."""

from __future__ import annotations

import json

import pytest

from infra.app import ROOT
from infra.settings import StackSettings


def given(**values: object) -> StackSettings:
    return StackSettings({f"stratos:{name}": value for name, value in values.items()}.get)


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), (False, False), ("true", True), ("false", False)]
)
def test_a_flag_is_one_in_json_and_on_a_command_line(value, expected):
    assert given(flag=value).flag("flag") is expected


@pytest.mark.parametrize("value", [None, "", "True", "no", "1", 1, 0, [True]])
def test_any_other_flag_is_refused_with_what_to_write(value):
    with pytest.raises(ValueError, match=r"stratos:flag is .*; it is true or false\. Set it in"):
        given(flag=value).flag("flag")


@pytest.mark.parametrize(("value", "expected"), [(None, ""), ("", ""), ("subnet-1", "subnet-1")])
def test_a_text_that_is_not_given_is_empty(value, expected):
    assert given(text=value).text("text") == given(text=value, other="x").text("text") == expected
    assert given().text("text") == ""


@pytest.mark.parametrize("value", [["subnet-1"], True, 3])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(ValueError, match="it is a text"):
        given(text=value).text("text")


@pytest.mark.parametrize("value", [None, "", " , "])
def test_names_that_are_not_given_are_none(value):
    assert given(hosts=value).names("hosts") == ()


def test_names_stand_between_commas_in_lower_case():
    assert given(hosts="A.example, b.example,").names("hosts") == ("a.example", "b.example")


@pytest.mark.parametrize("value", [90, 90.0, "90"])
def test_a_number_is_one_in_json_and_on_a_command_line(value):
    assert given(days=value).number("days") == 90


@pytest.mark.parametrize("value", [None, "", "ninety", "-1", 1.5, True])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(ValueError, match=r"stratos:days is .*; it is a whole number"):
        given(days=value).number("days")


def test_the_shipped_settings_can_be_read():
    shipped = StackSettings(json.loads((ROOT / "cdk.json").read_text())["context"].get)
    assert shipped.text("stack") == "Stratos"
    assert shipped.flag("several_instance_types")
    assert not shipped.flag("encrypt_traffic")
    assert shipped.number("log_retention_days") == 90
