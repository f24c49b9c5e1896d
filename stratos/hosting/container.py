"""The container behind a model: AWS's llama.cpp on CPUs, its vLLM on GPUs, and how each is set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from stratos.catalog.images import serving_image
from stratos.catalog.servers import Runtime, ServerCatalog
from stratos.contracts.artifact import gguf_name
from stratos.contracts.plan import Plan, PlannedEngine, Precision, ServedPrecision, Server
from stratos.errors import DeploymentFailed
from stratos.units import GIB, MIB

MODEL_DIR = "/opt/ml/model"
"""Where SageMaker unpacks an artifact."""

_GPU_AMIS = {
    12: "al2-ami-sagemaker-inference-gpu-3-1",
    13: "al2023-ami-sagemaker-inference-gpu-4-1",
}
"""Major version of CUDA in an image → what its instances boot. The drivers, 550 and 580, are new
enough for it; SageMaker's default is not. They are as AWS tests its images
(test/test_utils/constants.py of aws/deep-learning-containers)."""
_DOWNLOAD_SECONDS_PER_GIB = 120
_MIN_DOWNLOAD_SECONDS = 60
_START_SECONDS: dict[Runtime, int] = {"cpu": 120, "cuda": 900}
"""Before weights are counted. llama.cpp maps a file into memory, which takes seconds; vLLM imports
torch, compiles kernels and captures CUDA graphs."""
_MAX_SECONDS = 3600
"""The longest that SageMaker waits for either."""
_UNTOLD_AT_ONCE = 32
"""Requests given at once to a replica whose plan does not say how many it answers."""
THREADS = "SM_LLAMA_CPP_THREADS"
_NO_CODE = {"SAGEMAKER_MODEL_PATH": "/opt/ml/no-code", "STANDARD_AUTO_INSTALL_REQ": "false"}
"""No custom code of an artifact's, which what joins vLLM to SageMaker takes by default
(model-hosting-container-standards). Weights are all that a job may bring."""
_ONE_THREAD_BYTES = 16 * MIB
"""Up to this size of an artifact, some 2 to 5 million parameters, threads lose more by waiting for
each other than they gain (docs/hosting.md)."""
_NO_BLANKS = '{"backend":"xgrammar","disable_any_whitespace":true}'
_GREEDY = {"TEMP": "0", "TOP_K": "0", "TOP_P": "1", "MIN_P": "0"}
"""Where a request does not say how to sample. llama.cpp's own defaults would cut its choice."""

_ARCHIVED_BYTES: dict[ServedPrecision, float] = {
    "float32": 3.7,
    "bfloat16": 1.6,
    "float16": 1.55,
    "q8_0": 1.06,
    "q4_k_m": 0.61,
}
"""Of one parameter in model.tar.gz, by the file that holds it; measured on normally distributed
weights (float32, bfloat16, and float16 made from bfloat16), computed from the blocks of the
quantised kinds, which do not compress."""


@dataclass(frozen=True)
class ServingContainer:
    """A container, and how long SageMaker allows it.

    Attributes:
        definition: PrimaryContainer of CreateModel.
        download_seconds: For the artifact to arrive and unpack.
        start_seconds: Until it is healthy.
        at_once: Requests that it answers at once on one instance; further ones wait in it.
        memory_gib: Of one replica, by forecast; None where the plan does not say.
        ami: InferenceAmiVersion of its instances; None where SageMaker's default will do.
    """

    definition: dict[str, Any]
    runtime: Runtime
    download_seconds: int
    start_seconds: int
    at_once: int
    memory_gib: float | None
    ami: str | None = None


def serving_container(
    plan: Plan,
    spec_name: str,
    model_artifact: str,
    *,
    artifact_bytes: int,
    servers: ServerCatalog,
    tool_parser: str | None = None,
) -> ServingContainer:
    """The container for a model on the server of its plan.

    Args:
        servers: The catalog that the server is from.
        tool_parser: vLLM's, for the tool calls that the model writes; None if it writes none.

    Raises:
        DeploymentFailed: no image serves it there, or its artifact is none for a CPU's engine.
    """
    server, engine = plan.serving, plan.engine
    try:
        image, runtime, cuda = serving_image(server.region, server.instance_type)
    except ValueError as error:
        raise DeploymentFailed(f"{plan.student} cannot be served: {error}") from error
    if runtime == "cuda":
        environment = _vllm(plan, spec_name, servers) | _vllm_tools(tool_parser)
    else:
        environment = llama_cpp_environment(_planned(plan), spec_name)
        if artifact_bytes <= _ONE_THREAD_BYTES:
            environment[THREADS] = "1"
    reading = math.ceil(_DOWNLOAD_SECONDS_PER_GIB * artifact_bytes / GIB)
    slots = engine.slots if engine else _UNTOLD_AT_ONCE
    return ServingContainer(
        definition={
            "Image": image,
            "ModelDataUrl": model_artifact,
            "Environment": environment,
        },
        runtime=runtime,
        download_seconds=min(_MAX_SECONDS, _MIN_DOWNLOAD_SECONDS + reading),
        start_seconds=min(_MAX_SECONDS, _START_SECONDS[runtime] + reading),
        at_once=slots * server.replicas,
        memory_gib=engine.memory_gib if engine else None,
        ami=None if cuda is None else _ami(cuda),
    )


def _ami(cuda: str) -> str:
    """InferenceAmiVersion for an image with this version of CUDA."""
    major = int(cuda.partition(".")[0])
    if major not in _GPU_AMIS:
        raise DeploymentFailed(
            f"no AMI is known whose driver is new enough for CUDA {cuda} of the serving image: "
            "name one in stratos/hosting/container.py"
        )
    return _GPU_AMIS[major]


def expected_artifact_bytes(num_parameters: float, precision: ServedPrecision = "float16") -> float:
    """Size of a student's model.tar.gz, before there is one.

    It holds the weights as the base has them, which is taken for bfloat16 unless they are served
    in float32, `model.gguf` in full, and the quantised file if one is served.

    Args:
        precision: Of the plan's engine.
    """
    full: ServedPrecision = "float32" if precision == "float32" else "float16"
    base: ServedPrecision = "float32" if precision == "float32" else "bfloat16"
    held = {base: _ARCHIVED_BYTES[base]}
    per_parameter = held[base] + _ARCHIVED_BYTES[full]
    if precision in ("q8_0", "q4_k_m"):
        per_parameter += _ARCHIVED_BYTES[precision]
    return per_parameter * num_parameters


def _planned(plan: Plan) -> PlannedEngine:
    if plan.engine is None:
        raise DeploymentFailed(
            f"{plan.student} was planned before CPUs were served by llama.cpp, so its artifact "
            "has no GGUF to serve. Submit the spec again: the next run makes one"
        )
    return plan.engine


def llama_cpp_environment(engine: PlannedEngine, spec_name: str) -> dict[str, str]:
    """What llama.cpp's container is told of a plan's engine.

    Each variable becomes an argument of llama-server. It takes a thread for each core by itself,
    which is right for all but tiny models.
    """
    told = {
        "MODEL": f"{MODEL_DIR}/{gguf_name(engine.precision)}",
        "ALIAS": spec_name,
        # Of all slots together.
        "CTX_SIZE": str(engine.context_tokens * engine.slots),
        "PARALLEL": str(engine.slots),
        **_GREEDY,
        # Else prompts of the past would be kept in memory, beyond what the plan counts.
        "CACHE_RAM": "0",
        "JINJA": "true",
        "METRICS": "true",
        # Else an answer at the end of a chat would be gone on with, where vLLM begins a new turn.
        "NO_PREFILL_ASSISTANT": "true",
    }
    return {f"SM_LLAMA_CPP_{name}": value for name, value in told.items()}


def _vllm(plan: Plan, spec_name: str, servers: ServerCatalog) -> dict[str, str]:
    """Sampling is not set: by default vLLM reads the artifact's generation_config.json."""
    told = {
        "MODEL": MODEL_DIR,
        "SERVED_MODEL_NAME": spec_name,
        # A weak model that is held to JSON fills its answer with blanks where it may.
        "STRUCTURED_OUTPUTS_CONFIG": _NO_BLANKS,
        **_vllm_precision(servers, plan.serving.instance_type, plan.precision),
        **_vllm_devices(plan.serving),
    }
    if plan.engine is not None:
        told["MAX_MODEL_LEN"] = str(plan.engine.context_tokens)
        told["MAX_NUM_SEQS"] = str(plan.engine.slots)
    return {f"SM_VLLM_{name}": value for name, value in told.items()} | _NO_CODE


def _vllm_tools(parser: str | None) -> dict[str, str]:
    """Without them vLLM refuses `tools`, unless a call is demanded; llama.cpp needs none."""
    if parser is None:
        return {}
    return {"SM_VLLM_ENABLE_AUTO_TOOL_CHOICE": "true", "SM_VLLM_TOOL_CALL_PARSER": parser}


def _vllm_precision(
    servers: ServerCatalog, instance_type: str, precision: Precision
) -> dict[str, str]:
    """Said outright: by default vLLM would serve float32 weights in 16 bits."""
    rows = servers.instance_types
    row = next((row for row in rows if row.instance_type == instance_type), None)
    sixteen_bits = "bfloat16" if row is None or row.bfloat16 else "half"
    if precision == "fp8":
        # Quantised while it loads; the checkpoint stays what it is.
        return {"DTYPE": sixteen_bits, "QUANTIZATION": "fp8"}
    if precision == "float32" and sixteen_bits == "bfloat16":
        return {"DTYPE": "float32"}
    # A device without bfloat16 (T4) refuses such a model, and is slow in float32.
    return {"DTYPE": sixteen_bits}


def _vllm_devices(server: Server) -> dict[str, str]:
    sizes = {"TENSOR_PARALLEL_SIZE": server.devices, "DATA_PARALLEL_SIZE": server.replicas}
    return {name: str(size) for name, size in sizes.items() if size > 1}
