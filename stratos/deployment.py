"""What the endpoint of a run is made of: names, container, variant, package, tags."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from stratos.catalog.images import image_uri, runtime_of
from stratos.catalog.servers import ServerCatalog
from stratos.jobs import EvaluateResult
from stratos.match_evidence import MatchEvidence
from stratos.model_package import Lineage, model_package
from stratos.ownership import EXPIRES_TAG, NEVER, RUN_TAG, SPEC_TAG
from stratos.plan import Server
from stratos.spec import Hosting, Spec
from stratos.steps import Deployment, RunRef

DEFAULT_TTL_HOURS = 24.0
VARIANT = "AllTraffic"
_GIB = 2**30
_GPU_AMI = "al2-ami-sagemaker-inference-gpu-3-1"
"""Its driver is new enough for the container's CUDA; SageMaker's default is not."""
_MIN_TIMEOUT, _MAX_TIMEOUT = 60, 3600
"""Seconds that SageMaker accepts for start-up and download."""


def endpoint_name(spec_name: str) -> str:
    """One endpoint a spec: a new run updates it."""
    return f"stratos-{spec_name}"


def ttl_hours(hosting: Hosting) -> float | None:
    """How long the endpoint lives; None for ever."""
    return None if hosting.keep else hosting.ttl_hours or DEFAULT_TTL_HOURS


def expiry(hosting: Hosting, now: datetime) -> datetime | None:
    hours = ttl_hours(hosting)
    return None if hours is None else now + timedelta(hours=hours)


def ownership_tags(run: RunRef, spec: Spec, now: datetime) -> list[dict[str, str]]:
    """Whose a resource is, and until when; in the shape of SageMaker's `Tags`."""
    expires = expiry(spec.hosting, now)
    tags = {
        RUN_TAG: run.run_id,
        SPEC_TAG: spec.name,
        EXPIRES_TAG: expires.isoformat(timespec="seconds") if expires else NEVER,
    }
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def build_deployment(
    run: RunRef,
    spec: Spec,
    evidence: MatchEvidence,
    evaluation: EvaluateResult,
    model_artifact: str,
    *,
    artifact_bytes: int,
    lineage: Lineage,
    live_config: str | None,
    now: datetime,
) -> Deployment:
    """Put together what the SDK states ask SageMaker for.

    Args:
        artifact_bytes: Size of model.tar.gz, from which start-up time is allowed for.
        lineage: What the registry is told of the model's origin.
        live_config: Configuration of the endpoint in service under this name, if one is.
    """
    server = evidence.plan.serving
    name = f"stratos-{run.run_id}-a{evidence.attempt}"
    container = _container(server.instance_type, server.region, spec.name, model_artifact)
    return Deployment(
        model_name=name,
        endpoint_config_name=name,
        endpoint_name=endpoint_name(spec.name),
        replaces_live=live_config is not None,
        previous_config_name=live_config,
        container=container,
        production_variant=_variant(name, server, _patience_seconds(artifact_bytes)),
        tags=ownership_tags(run, spec, now),
        model_package=model_package(run, spec, evidence, evaluation, container, lineage),
        usd_per_hour=server.usd_per_hour,
    )


def _container(
    instance_type: str, region: str, spec_name: str, model_artifact: str
) -> dict[str, Any]:
    """The stock inference container with our server on a CPU, AWS's vLLM container on a GPU."""
    if runtime_of(instance_type) == "cuda":
        environment = {
            "SM_VLLM_MODEL": "/opt/ml/model",
            "SM_VLLM_SERVED_MODEL_NAME": spec_name,
        }
        shipped = ServerCatalog.aws().instance_types
        if any(row.instance_type == instance_type and not row.bfloat16 for row in shipped):
            # vLLM refuses a bfloat16 model on such a device (T4) unless told otherwise.
            environment["SM_VLLM_DTYPE"] = "half"
        return {
            "Image": image_uri("llm", region, instance_type),
            "ModelDataUrl": model_artifact,
            "Environment": environment,
        }
    return {
        "Image": image_uri("inference", region, instance_type),
        "ModelDataUrl": model_artifact,
        "Environment": {
            "SAGEMAKER_PROGRAM": "inference.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            "STRATOS_MODEL_NAME": spec_name,
        },
    }


def _variant(model_name: str, server: Server, patience_seconds: int) -> dict[str, Any]:
    variant: dict[str, Any] = {
        "VariantName": VARIANT,
        "ModelName": model_name,
        "InstanceType": server.instance_type,
        "InitialInstanceCount": server.count,
        "InitialVariantWeight": 1.0,
        "ModelDataDownloadTimeoutInSeconds": patience_seconds,
        "ContainerStartupHealthCheckTimeoutInSeconds": patience_seconds,
    }
    if runtime_of(server.instance_type) == "cuda":
        variant["InferenceAmiVersion"] = _GPU_AMI
    return variant


def _patience_seconds(artifact_bytes: int) -> int:
    """A minute, and two more for each GiB of weights."""
    wanted = _MIN_TIMEOUT + math.ceil(120 * artifact_bytes / _GIB)
    return min(_MAX_TIMEOUT, wanted)
