"""The container behind a model: our server on CPUs, AWS's vLLM on GPUs, and how it is set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from stratos.catalog.images import serving_image
from stratos.catalog.servers import Runtime, ServerCatalog
from stratos.contracts.plan import Precision, Server
from stratos.units import GIB

WEIGHTS_PER_ARCHIVE = 2.5
"""Memory of float32 weights for each byte of an archive of 16-bit ones."""

_FLOAT32_BYTES = 4.0
_GPU_AMI = "al2-ami-sagemaker-inference-gpu-3-1"
"""Its driver is new enough for the container's CUDA; SageMaker's default is not."""
_DOWNLOAD_SECONDS_PER_GIB = 120
_MIN_DOWNLOAD_SECONDS = 60
_START_SECONDS = {"cpu": 600, "cuda": 900}
"""Before weights are counted: imports, and on a GPU kernels compiled and CUDA graphs captured."""
_MAX_SECONDS = 3600
"""The longest that SageMaker waits for either."""


@dataclass(frozen=True)
class ServingContainer:
    """A container, and how long SageMaker allows it.

    Attributes:
        definition: PrimaryContainer of CreateModel.
        download_seconds: For the artifact to arrive and unpack.
        start_seconds: Until it is healthy.
        ami: InferenceAmiVersion of its instances; None where SageMaker's default will do.
    """

    definition: dict[str, Any]
    runtime: Runtime
    download_seconds: int
    start_seconds: int
    ami: str | None = None


def serving_container(
    server: Server,
    spec_name: str,
    model_artifact: str,
    *,
    precision: Precision,
    artifact_bytes: int,
    servers: ServerCatalog,
) -> ServingContainer:
    """The container for a model on a server.

    Args:
        server: Of the plan, which says how its devices are used.
        precision: What the plan computes with.
        servers: The catalog that the server is from.
    """
    image, runtime = serving_image(server.region, server.instance_type)
    on_gpu = runtime == "cuda"
    environment = {
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        "STRATOS_MODEL_NAME": spec_name,
    }
    if on_gpu:
        environment = {
            "SM_VLLM_MODEL": "/opt/ml/model",
            "SM_VLLM_SERVED_MODEL_NAME": spec_name,
            **_vllm_precision(servers, server.instance_type, precision),
            **_vllm_devices(server),
        }
    reading = math.ceil(_DOWNLOAD_SECONDS_PER_GIB * artifact_bytes / GIB)
    return ServingContainer(
        definition={
            "Image": image,
            "ModelDataUrl": model_artifact,
            "Environment": environment,
        },
        runtime=runtime,
        download_seconds=min(_MAX_SECONDS, _MIN_DOWNLOAD_SECONDS + reading),
        start_seconds=min(_MAX_SECONDS, _START_SECONDS["cuda" if on_gpu else "cpu"] + reading),
        ami=_GPU_AMI if on_gpu else None,
    )


def expected_artifact_bytes(num_parameters: float) -> float:
    """Size of a student's model.tar.gz, before there is one."""
    return _FLOAT32_BYTES * num_parameters / WEIGHTS_PER_ARCHIVE


def _vllm_precision(
    servers: ServerCatalog, instance_type: str, precision: Precision
) -> dict[str, str]:
    """Said outright: by default vLLM would serve float32 weights in 16 bits."""
    rows = servers.instance_types
    row = next((row for row in rows if row.instance_type == instance_type), None)
    sixteen_bits = "bfloat16" if row is None or row.bfloat16 else "half"
    if precision == "fp8":
        # Quantised while it loads; the checkpoint stays what it is.
        return {"SM_VLLM_DTYPE": sixteen_bits, "SM_VLLM_QUANTIZATION": "fp8"}
    if precision == "float32" and sixteen_bits == "bfloat16":
        return {"SM_VLLM_DTYPE": "float32"}
    # A device without bfloat16 (T4) refuses such a model, and is slow in float32.
    return {"SM_VLLM_DTYPE": sixteen_bits}


def _vllm_devices(server: Server) -> dict[str, str]:
    sizes = {
        "SM_VLLM_TENSOR_PARALLEL_SIZE": server.devices,
        "SM_VLLM_DATA_PARALLEL_SIZE": server.replicas,
    }
    return {name: str(size) for name, size in sizes.items() if size > 1}
