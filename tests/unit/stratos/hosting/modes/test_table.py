"""The modes by their names, and what an endpoint is by its description."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.hosting.modes.table import endpoint_modes, mode_named, mode_of, told_endpoint
from stratos.spec import HOSTING_MODES
from tests import factories
from tests.summaries import server

SERVERLESS = {"ProductionVariants": [{"CurrentServerlessConfig": {"MaxConcurrency": 1}}]}


@pytest.mark.parametrize("name", HOSTING_MODES)
def test_each_row_names_the_module_of_its_mode(name: str) -> None:
    mode = mode_named(name)
    assert (mode.name, type(mode).__module__) == (name, HOSTING_MODES[name].module)
    assert mode.has_endpoint is HOSTING_MODES[name].has_endpoint


def test_modes_with_an_endpoint_come_in_the_order_of_their_rows() -> None:
    assert [mode.name for mode in endpoint_modes()] == [
        "realtime",
        "serverless",
        "scale_to_zero",
        "async",
    ]


@pytest.mark.parametrize(
    ("described", "name"),
    [
        ({}, "realtime"),
        ({"ProductionVariants": [{"CurrentInstanceCount": 1}]}, "realtime"),
        (SERVERLESS, "serverless"),
        ({"ProductionVariants": [{"ManagedInstanceScaling": {}}]}, "scale_to_zero"),
        ({"AsyncInferenceConfig": {"OutputConfig": {}}}, "async"),
    ],
)
def test_an_endpoint_has_the_mode_that_its_description_shows(
    described: dict[str, Any], name: str
) -> None:
    assert mode_of(described).name == name


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("realtime", "1 × ml.m in us-east-1"),
        ("async", "1 × ml.m in us-east-1, behind a queue"),
        ("scale_to_zero", "1 × ml.m in us-east-1, none without requests"),
        ("batch", "1 × ml.m in us-east-1, in batches"),
        ("serverless", "a serverless endpoint in us-east-1 (forecast by ml.m)"),
    ],
)
def test_a_plan_says_what_answers_requests(mode: str, told: str) -> None:
    assert told_endpoint(factories.match_evidence(server("ml.m"), 400.0, mode).plan) == told
