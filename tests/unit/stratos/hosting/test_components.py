"""Inference components: what a copy takes, and how one is updated."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.hosting.components import rolling_update
from tests.unit.stratos.hosting.deployments import deployment


@pytest.mark.parametrize(("copies", "seconds"), [(1, 3000), (3, 9000), (8, 24_000), (10, 28_800)])
def test_an_update_copy_by_copy_has_time_for_each_and_no_more_than_sagemaker_accepts(
    copies: int, seconds: int
) -> None:
    policy = rolling_update(copies, 600)["RollingUpdatePolicy"]
    assert policy["MaximumExecutionTimeoutInSeconds"] == seconds


def test_a_copy_takes_the_accelerators_of_its_instance_or_most_of_its_cores():
    def required(instance_type: str, memory_gib: float) -> dict[str, Any]:
        to_zero = {"mode": "scale_to_zero"}
        built = deployment(instance_type, memory_gib=memory_gib, hosting=to_zero)
        assert built.component is not None
        found: dict[str, Any] = built.component.specification["ComputeResourceRequirements"]
        return found

    assert required("ml.g5.12xlarge", 30) == {
        "NumberOfAcceleratorDevicesRequired": 4.0,
        "MinMemoryRequiredInMb": 1024,
    }
    assert required("ml.c7i.xlarge", 1.5) == {
        "NumberOfCpuCoresRequired": 3.0,
        "MinMemoryRequiredInMb": 1536 + 128,
    }
    assert required("ml.c7i.xlarge", 100)["MinMemoryRequiredInMb"] == 4 * 1024
