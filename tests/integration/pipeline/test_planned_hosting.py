"""Traffic that no instance is worth is planned, deployed and measured without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratos.contracts.bucket import RunKeys
from stratos.contracts.match import MatchEvidence
from tests.integration.pipeline.cloud import Cloud, eventually, write_task

pytestmark = pytest.mark.slow


def test_a_limit_on_cost_that_only_serverless_holds_is_held_by_it(cloud: Cloud, tmp_path: Path):
    folder = write_task(
        tmp_path,
        "rare",
        constraints={
            "max_p95_latency_ms": 20_000,
            "max_training_hours": 0.2,
            "max_usd_per_1000_requests": 0.5,  # of an instance it is some 60 dollars
        },
        load={
            "requests_per_second": 2,
            "mean_requests_per_second": 0.01,
            "active_hours_per_day": 2,
            "measure_seconds": 2,
        },
        hosting={"keep": True, "max_cold_start_seconds": 60},
    )
    run_id = cloud.submit(folder)
    row = cloud.finish(run_id)
    summary = cloud.summary(run_id)
    assert row.status == "succeeded", summary.reason
    evidence = MatchEvidence.model_validate(cloud.read_json(RunKeys(run_id).match))
    assert evidence.plan.hosting.mode == "serverless"
    assert summary.endpoint is not None
    assert summary.endpoint.hosting is not None
    assert summary.endpoint.hosting.mode == "serverless"
    (variant,) = cloud.stack.sagemaker.describe_endpoint(EndpointName="stratos-rare")[
        "ProductionVariants"
    ]
    assert variant["CurrentServerlessConfig"]["MemorySizeInMB"] == 2048
    cost = next(c for c in summary.constraints if c.name == "max_usd_per_1000_requests")
    assert cost.passed
    assert cost.predicted is not None
    assert cost.measured is not None
    cloud.stack.sagemaker.delete_endpoint(EndpointName="stratos-rare")
    eventually(lambda: not cloud.processes("-m serving"))
