"""How many runs work at once, and what one may spend."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.local.host import settings
from infra.parts.run_limits import RunLimits

LIMITS: dict[str, Any] = {
    "concurrent_runs": 4,
    "concurrent_runs_per_spec": 2,
    "default_budget_usd": 0,
}


@pytest.mark.parametrize("name", ["concurrent_runs", "concurrent_runs_per_spec"])
def test_a_stack_in_which_no_run_would_ever_work_is_refused(name):
    with pytest.raises(ValueError, match=f"stratos:max_{name} is 0; give at least 1"):
        RunLimits(**LIMITS | {name: 0})


def test_every_limit_is_told_to_the_functions():
    assert RunLimits(**LIMITS).environment == {
        "MAX_CONCURRENT_RUNS": "4",
        "MAX_CONCURRENT_RUNS_PER_SPEC": "2",
        "DEFAULT_MAX_BUDGET_USD": "0",
    }


def test_the_embedded_cloud_has_room_for_the_functions_of_all_runs_that_work(monkeypatch):
    """Also on a small machine; ten that measure for 900 s must not keep others from ending."""
    monkeypatch.setattr(settings, "available_threads", lambda: 1)
    context = json.loads((Path(__file__).parents[3] / "cdk.json").read_text())["context"]
    runs = context["stratos:max_concurrent_runs"]
    assert settings.LocalSettings().max_invocations >= 3 * runs
