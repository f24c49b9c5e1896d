"""Limits that no service model has."""

from __future__ import annotations

from typing import Any

import pytest

from infra.local.requests.quotas import quota_violation

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code"),
    [
        (
            "lambda",
            "CreateFunction",
            {"Environment": {"Variables": {"NAME": "v" * 4096}}},
            "InvalidParameterValueException",
        ),
        (
            "lambda",
            "UpdateFunctionConfiguration",
            {"Environment": {"Variables": {"NAME": "v" * 4096}}},
            "InvalidParameterValueException",
        ),
        ("events", "PutEvents", {"Entries": [{"Detail": "d" * MIB}]}, "ValidationException"),
    ],
)
def test_more_than_the_limit_is_refused(
    service: str, operation: str, parameters: dict[str, Any], code: str
) -> None:
    found = quota_violation(service, operation, parameters)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("lambda", "CreateFunction", {"Environment": {"Variables": {"NAME": "v" * 4000}}}),
        ("lambda", "CreateFunction", {}),
        ("events", "PutEvents", {"Entries": [{"Detail": "d" * (MIB - 100), "Source": "s"}]}),
        ("sagemaker", "CreateModel", {}),
    ],
)
def test_the_limit_itself_is_not(service: str, operation: str, parameters: dict[str, Any]) -> None:
    assert quota_violation(service, operation, parameters) is None
