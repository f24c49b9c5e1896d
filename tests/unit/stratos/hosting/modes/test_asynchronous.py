"""Asynchronous endpoints."""

from __future__ import annotations

import pytest
from botocore.session import Session

from tests.unit.stratos.hosting.deployments import RARE, hosted


def test_a_queue_costs_nothing_while_it_is_empty():
    patient = {"max_cold_start_seconds": 900}
    built = hosted(instance_type="ml.g5.xlarge", planned="async", load=RARE, hosting=patient)
    assert built.hosting.mode == "async"
    assert built.hosting.usd_per_month == pytest.approx(0.2 * 730 * 2.5 / 24)
    assert built.async_inference_config is not None
    client = built.async_inference_config["ClientConfig"]
    assert client == {"MaxConcurrentInvocationsPerInstance": 8}  # the slots of its engine
    output = built.async_inference_config["OutputConfig"]
    assert output["S3OutputPath"] == "s3://bucket/async/tiles/answers"
    assert built.scaling is not None
    assert built.scaling.target["MinCapacity"] == 0
    assert built.scaling.wake_alarm is not None
    assert built.scaling.policies[-1]["PolicyType"] == "StepScaling"


def test_an_instance_is_given_no_more_at_once_than_sagemaker_takes():
    several = {"instance_type": "ml.g5.48xlarge", "planned": "async", "replicas": 250}
    built = hosted(load=RARE, hosting={"max_cold_start_seconds": 900}, **several)
    assert built.async_inference_config is not None
    given = built.async_inference_config["ClientConfig"]["MaxConcurrentInvocationsPerInstance"]
    assert given == most_at_once()


def most_at_once() -> int:
    """By SageMaker's API model."""
    model = Session().get_service_model("sagemaker")
    shape = model.shape_for("MaxConcurrentInvocationsPerInstance")
    return int(shape.metadata["max"])
