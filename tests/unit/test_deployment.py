"""What an endpoint's container is told about its hardware."""

import pytest

from stratos.deployment import _container


@pytest.mark.parametrize(
    ("instance_type", "dtype"),
    [("ml.g4dn.xlarge", "half"), ("ml.g6.xlarge", None), ("ml.c7i.xlarge", None)],
)
def test_only_a_device_without_bfloat16_is_told_to_use_half(instance_type, dtype):
    container = _container(instance_type, "us-east-1", "tiles", "s3://bucket/model.tar.gz")
    assert container["Environment"].get("SM_VLLM_DTYPE") == dtype
