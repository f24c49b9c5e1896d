"""Facts that the shipped catalog satisfies."""

from __future__ import annotations

from datetime import date

import pytest

from stratos.catalog.check import (
    count_parameters,
    dimensions_of,
    model_problems,
    server_problems,
)
from stratos.catalog.models import hub_models
from stratos.catalog.servers import ServerCatalog

AWS = ServerCatalog.aws()
TODAY = date(2026, 11, 24)


def test_the_only_doubts_about_servers_are_old_prices_and_b300() -> None:
    doubts = list(server_problems(AWS, TODAY))
    other = [text for text in doubts if "older than 90 days" not in text]
    assert other == ["ml.p6-b300.48xlarge: its rates are unknown, so it is never chosen"]


def test_parameter_counts_follow_from_dimensions() -> None:
    assert list(model_problems(hub_models())) == []
    wrong = hub_models()["Qwen/Qwen3-8B"].model_copy(update={"num_layers": 30})
    assert "Qwen/Qwen3-8B: its dimensions give" in next(model_problems({"x": wrong}))


def test_experts_count_only_as_far_as_a_token_passes_through_them() -> None:
    dims = dimensions_of(hub_models()["Qwen/Qwen3-30B-A3B"])
    assert count_parameters(dims) == pytest.approx(30.5e9, rel=0.01)
    assert count_parameters(dims, active=True) == pytest.approx(3.35e9, rel=0.01)
