"""The container behind an endpoint: our server on CPUs, AWS's vLLM on GPUs, and how it is set."""

from __future__ import annotations

import math
from typing import Any

from stratos.catalog.images import image_uri, runtime_of
from stratos.catalog.servers import InstanceType, ServerCatalog
from stratos.plan import Precision

GIB = 2**30
GPU_AMI = "al2-ami-sagemaker-inference-gpu-3-1"
"""Its driver is new enough for the container's CUDA; SageMaker's default is not."""

_DOWNLOAD_SECONDS_PER_GIB = 120
_MIN_DOWNLOAD_SECONDS = 60
_START_SECONDS = {"cpu": 600, "cuda": 900}
"""Before weights are counted: imports, and on a GPU kernels compiled and CUDA graphs captured."""
_MAX_SECONDS = 3600
"""The longest that SageMaker waits for either."""

_WEIGHTS_PER_ARCHIVE = 1.3
"""Bytes of weights for each byte of model.tar.gz: bfloat16 shrinks to about three quarters."""
_WEIGHTS_SHARE = 0.6
"""Of a device's memory that weights may take; the rest is for keys, values and activations."""


def serving_container(
    instance_type: str,
    region: str,
    spec_name: str,
    model_artifact: str,
    *,
    precision: Precision,
    artifact_bytes: int,
) -> dict[str, Any]:
    """PrimaryContainer of CreateModel.

    Args:
        precision: What the plan computes with.
        artifact_bytes: Size of model.tar.gz.
    """
    if runtime_of(instance_type) != "cuda":
        return {
            "Image": image_uri("inference", region, instance_type),
            "ModelDataUrl": model_artifact,
            "Environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
                "STRATOS_MODEL_NAME": spec_name,
            },
        }
    return {
        "Image": image_uri("llm", region, instance_type),
        "ModelDataUrl": model_artifact,
        "Environment": {
            "SM_VLLM_MODEL": "/opt/ml/model",
            "SM_VLLM_SERVED_MODEL_NAME": spec_name,
            **_vllm_precision(instance_type, precision),
            **_vllm_devices(instance_type, artifact_bytes),
        },
    }


def start_seconds(instance_type: str, artifact_bytes: int) -> int:
    """How long the container may take until it is healthy."""
    floor = _START_SECONDS["cuda" if runtime_of(instance_type) == "cuda" else "cpu"]
    return min(_MAX_SECONDS, floor + _reading_seconds(artifact_bytes))


def download_seconds(artifact_bytes: int) -> int:
    """How long the artifact may take to arrive and unpack."""
    return min(_MAX_SECONDS, _MIN_DOWNLOAD_SECONDS + _reading_seconds(artifact_bytes))


def split_devices(weight_bytes: float, device_gib: float, num_devices: int) -> tuple[int, int]:
    """Tensor parallel size and number of replicas on the devices of one instance.

    A model is split over as few devices as hold it, in powers of two, which divide the heads of
    every model that needs it; the devices left over serve replicas of it.
    """
    room = device_gib * GIB * _WEIGHTS_SHARE
    split = 1
    while split * 2 <= num_devices and weight_bytes > room * split:
        split *= 2
    return split, num_devices // split


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


def _vllm_devices(instance_type: str, artifact_bytes: int) -> dict[str, str]:
    row = _catalogued(instance_type)
    if row is None or row.num_devices == 1:
        return {}
    weights = artifact_bytes * _WEIGHTS_PER_ARCHIVE
    split, replicas = split_devices(weights, row.device_memory_gib, row.num_devices)
    sizes = {"SM_VLLM_TENSOR_PARALLEL_SIZE": split, "SM_VLLM_DATA_PARALLEL_SIZE": replicas}
    return {name: str(size) for name, size in sizes.items() if size > 1}


def _catalogued(instance_type: str) -> InstanceType | None:
    rows = ServerCatalog.aws().instance_types
    return next((row for row in rows if row.instance_type == instance_type), None)
