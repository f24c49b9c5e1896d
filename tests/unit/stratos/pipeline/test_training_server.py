"""What a described job started on, and what an hour of it costs."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.contracts.plan import Server
from stratos.pipeline.training_server import server_of

ONE = Server(
    instance_type="ml.g5.xlarge", count=1, region="r", purchase="on_demand", usd_per_hour=1
)
TWO = ONE.model_copy(update={"instance_type": "ml.g6.xlarge", "count": 2, "usd_per_hour": 4})
SPOT = ONE.model_copy(update={"purchase": "spot"})


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"SelectedInstanceType": "ml.g6.xlarge", "SelectedInstanceCount": 2}, TWO),
        ({"InstanceType": "ml.g5.xlarge", "InstanceCount": 1}, ONE),
        ({"InstancePreferences": [{"InstanceType": "ml.g5.xlarge"}]}, None),
        ({"InstanceType": "ml.m5.large", "InstanceCount": 1}, None),
        (
            {"SelectedInstanceType": "ml.g6.xlarge", "SelectedInstanceCount": 1},
            TWO.model_copy(update={"count": 1, "usd_per_hour": 2}),
        ),
    ],
)
def test_a_job_runs_on_what_was_selected_at_its_price(
    config: dict[str, Any], found: Server | None
) -> None:
    assert server_of({"ResourceConfig": config}, (ONE, TWO)) == found


def test_spot_and_on_demand_of_one_type_are_told_apart() -> None:
    job = {"ResourceConfig": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1}}
    assert server_of(job, (SPOT, ONE)) == ONE
    assert server_of(job | {"EnableManagedSpotTraining": True}, (ONE, SPOT)) == SPOT
