"""Which event patterns are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto_cloud import Cloud

from infra.local.events.patterns import problems


@pytest.mark.parametrize(
    "value",
    [
        {"prefx": "a"},
        {"prefix": "a", "suffix": "b"},
        {"prefix": 1},
        {"prefix": ""},
        {"exists": "true"},
        {"wildcard": "a**b"},
        {"wildcard": "a\\b"},
        {"numeric": ["=>", 1]},
        {"numeric": ["<", "1"]},
        {"numeric": [">", 0, "<"]},
        {"numeric": ["<", 6e9]},
        {"anything-but": ["a", 1]},
        {"anything-but": []},
        {"anything-but": {"exists": True}},
        ["nested"],
    ],
    ids=str,
)
def test_a_filter_that_eventbridge_does_not_know_is_refused(value: Any) -> None:
    assert list(problems({"detail": {"name": [value]}}))


@pytest.mark.parametrize(
    "value",
    [
        "text",
        1,
        True,
        None,
        {"prefix": "a"},
        {"prefix": {"equals-ignore-case": "A"}},
        {"suffix": ".csv"},
        {"exists": False},
        {"wildcard": "a*b\\*c"},
        {"numeric": [">", 0, "<=", 5]},
        {"anything-but": "a"},
        {"anything-but": ["a", "b"]},
        {"anything-but": {"prefix": "a"}},
        {"anything-but": {"wildcard": ["a*", "b*"]}},
        {"equals-ignore-case": "a"},
        {"cidr": "10.0.0.0/8"},
    ],
    ids=str,
)
def test_a_filter_that_eventbridge_knows_is_taken(value: Any) -> None:
    assert not list(problems({"source": ["aws.s3"], "detail": {"name": [value]}}))


def test_alternatives_are_two_at_least() -> None:
    assert list(problems({"$or": [{"source": ["a"]}]}))
    assert not list(problems({"$or": [{"source": ["a"]}, {"source": ["b"]}]}))


def test_a_rule_is_refused_with_its_reason(cloud: Cloud) -> None:
    with pytest.raises(ClientError) as refused:
        cloud("events").put_rule(
            Name="odd", EventPattern=json.dumps({"source": [{"prefx": "aws"}]})
        )
    error = refused.value.response["Error"]
    assert error["Code"] == "InvalidEventPatternException"
    assert error["Message"].endswith("Unrecognized match type prefx")
