"""The container behind an endpoint: our server on CPUs, AWS's vLLM on GPUs, and how it is set."""

from __future__ import annotations

import math
from typing import Any

from stratos.catalog.images import image_uri, runtime_of
from stratos.catalog.servers import InstanceType, ServerCatalog
from stratos.contracts.plan import Precision, Server

GIB = 2**30
GPU_AMI = "al2-ami-sagemaker-inference-gpu-3-1"
"""Its driver is new enough for the container's CUDA; SageMaker's default is not."""

_DOWNLOAD_SECONDS_PER_GIB = 120
_MIN_DOWNLOAD_SECONDS = 60
_START_SECONDS = {"cpu": 600, "cuda": 900}
"""Before weights are counted: imports, and on a GPU kernels compiled and CUDA graphs captured."""
_MAX_SECONDS = 3600
"""The longest that SageMaker waits for either."""


def serving_container(
    server: Server, spec_name: str, model_artifact: str, *, precision: Precision
) -> dict[str, Any]:
    """PrimaryContainer of CreateModel.

    Args:
        server: Of the plan, which says how its devices are used.
        precision: What the plan computes with.
    """
    instance_type = server.instance_type
    if runtime_of(instance_type) != "cuda":
        return {
            "Image": image_uri("inference", server.region, instance_type),
            "ModelDataUrl": model_artifact,
            "Environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
                "STRATOS_MODEL_NAME": spec_name,
            },
        }
    return {
        "Image": image_uri("llm", server.region, instance_type),
        "ModelDataUrl": model_artifact,
        "Environment": {
            "SM_VLLM_MODEL": "/opt/ml/model",
            "SM_VLLM_SERVED_MODEL_NAME": spec_name,
            **_vllm_precision(instance_type, precision),
            **_vllm_devices(server),
        },
    }


def start_seconds(instance_type: str, artifact_bytes: int) -> int:
    """How long the container may take until it is healthy."""
    floor = _START_SECONDS["cuda" if runtime_of(instance_type) == "cuda" else "cpu"]
    return min(_MAX_SECONDS, floor + _reading_seconds(artifact_bytes))


def download_seconds(artifact_bytes: int) -> int:
    """How long the artifact may take to arrive and unpack."""
    return min(_MAX_SECONDS, _MIN_DOWNLOAD_SECONDS + _reading_seconds(artifact_bytes))


def _reading_seconds(artifact_bytes: int) -> int:
    return math.ceil(_DOWNLOAD_SECONDS_PER_GIB * artifact_bytes / GIB)


def _vllm_precision(instance_type: str, precision: Precision) -> dict[str, str]:
    """Said outright: by default vLLM would serve float32 weights in 16 bits."""
    row = _catalogued(instance_type)
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


def _catalogued(instance_type: str) -> InstanceType | None:
    rows = ServerCatalog.aws().instance_types
    return next((row for row in rows if row.instance_type == instance_type), None)
