"""Definitions that moto's grammar misreads."""

from __future__ import annotations

from typing import Any

from state_machines import PASS


def test_a_role_among_the_parameters_is_an_expression_like_any_other(run: Any) -> None:
    fields = {
        "RoleArn.$": "States.Format('role/{}', $.name)",
        "inner": {"RoleArn.$": "$.name"},
        "other": {"RoleArn": "$.name"},
    }
    assert run({"Roles": PASS | {"Parameters": fields}}, {"name": "x"}) == {
        "RoleArn": "role/x",
        "inner": {"RoleArn": "x"},
        "other": {"RoleArn": "$.name"},
    }
