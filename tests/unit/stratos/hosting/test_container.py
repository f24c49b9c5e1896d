"""The container behind a model, and how it is set."""

from __future__ import annotations

from typing import Any

import pytest

from stratos.catalog.servers import ServerCatalog
from stratos.contracts.plan import Server
from stratos.hosting.container import ServingContainer, serving_container
from stratos.units import GIB, MIB
from tests.unit.stratos.hosting.deployments import server_of


def container_on(
    server: Server, artifact_bytes: int = MIB, precision: Any = "bfloat16"
) -> ServingContainer:
    return serving_container(
        server,
        "tiles",
        "s3://bucket/model.tar.gz",
        precision=precision,
        artifact_bytes=artifact_bytes,
        servers=ServerCatalog.aws(),
    )


def environment(instance_type: str, precision: Any = "bfloat16", **layout: int) -> Any:
    server = server_of(instance_type, **layout)
    return container_on(server, precision=precision).definition["Environment"]


@pytest.mark.parametrize(
    ("instance_type", "precision", "dtype"),
    [
        ("ml.g4dn.xlarge", "float32", "half"),
        ("ml.g4dn.xlarge", "bfloat16", "half"),
        ("ml.g6.xlarge", "bfloat16", "bfloat16"),
        ("ml.g6.xlarge", "float32", "float32"),
        ("ml.c7i.xlarge", "float32", None),
    ],
)
def test_a_gpu_is_told_the_precision_of_the_plan_as_far_as_it_has_it(
    instance_type, precision, dtype
):
    assert environment(instance_type, precision).get("SM_VLLM_DTYPE") == dtype


def test_a_plan_in_fp8_is_quantised_while_it_loads():
    found = environment("ml.g6.xlarge", "fp8")
    assert (found["SM_VLLM_QUANTIZATION"], found["SM_VLLM_DTYPE"]) == ("fp8", "bfloat16")
    assert "SM_VLLM_QUANTIZATION" not in environment("ml.g6.xlarge")


@pytest.mark.parametrize(
    ("devices", "replicas", "told"),
    [
        (1, 1, {}),
        (1, 4, {"SM_VLLM_DATA_PARALLEL_SIZE": "4"}),
        (2, 2, {"SM_VLLM_TENSOR_PARALLEL_SIZE": "2", "SM_VLLM_DATA_PARALLEL_SIZE": "2"}),
        (4, 1, {"SM_VLLM_TENSOR_PARALLEL_SIZE": "4"}),
    ],
)
def test_the_container_is_told_how_the_plan_uses_its_devices(devices, replicas, told):
    found = environment("ml.g6.12xlarge", devices=devices, replicas=replicas)
    sizes = {name: value for name, value in found.items() if name.endswith("PARALLEL_SIZE")}
    assert sizes == told


def test_a_container_has_minutes_to_start_and_more_for_larger_weights():
    def allowed(instance_type: str, num_bytes: int) -> tuple[int, int]:
        found = container_on(server_of(instance_type), num_bytes)
        return found.download_seconds, found.start_seconds

    download, start = allowed("ml.c7i.xlarge", 2 * MIB)
    assert download > 60
    assert start >= 600
    assert allowed("ml.g5.xlarge", 2 * MIB)[1] >= 900
    assert allowed("ml.g5.xlarge", 10 * GIB)[1] == 900 + 1200
    assert allowed("ml.g5.xlarge", 500 * GIB) == (3600, 3600)
