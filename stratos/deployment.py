"""What the endpoint of a run is made of: names, container, variant, package, tags."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from stratos.catalog.images import image_uri, runtime_of
from stratos.catalog.servers import ServerCatalog
from stratos.jobs import EvaluateResult
from stratos.match_evidence import MatchEvidence
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


def build_deployment(
    run: RunRef,
    spec: Spec,
    evidence: MatchEvidence,
    evaluation: EvaluateResult,
    model_artifact: str,
    *,
    artifact_bytes: int,
    metrics_uri: str,
    live_config: str | None,
    now: datetime,
) -> Deployment:
    """Put together what the SDK states ask SageMaker for.

    Args:
        artifact_bytes: Size of model.tar.gz, from which start-up time is allowed for.
        metrics_uri: S3 URI of the evaluation result.
        live_config: Configuration of the endpoint in service under this name, if one is.
    """
    server = evidence.plan.serving
    name = f"stratos-{run.run_id}-a{evidence.attempt}"
    container = _container(server.instance_type, server.region, spec.name, model_artifact)
    expires = expiry(spec.hosting, now)
    tags = {
        "stratos:run": run.run_id,
        "stratos:spec": spec.name,
        "stratos:expires": expires.isoformat(timespec="seconds") if expires else "never",
    }
    return Deployment(
        model_name=name,
        endpoint_config_name=name,
        endpoint_name=endpoint_name(spec.name),
        replaces_live=live_config is not None,
        previous_config_name=live_config,
        container=container,
        production_variant=_variant(name, server, _patience_seconds(artifact_bytes)),
        tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        model_package=_package(run, spec, evidence, evaluation, container, metrics_uri),
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


def _package(
    run: RunRef,
    spec: Spec,
    evidence: MatchEvidence,
    evaluation: EvaluateResult,
    container: dict[str, Any],
    metrics_uri: str,
) -> dict[str, Any]:
    plan, score = evidence.plan, evaluation.student
    properties = {
        "run_id": run.run_id,
        "spec": spec.name,
        "spec_version_id": run.spec_version_id,
        "teacher": plan.teacher,
        "student": plan.student,
        "strategy": evidence.matching.strategy,
        "accuracy": f"{score.value:.4f}",
        "accuracy_lo": f"{score.lo:.4f}",
        "accuracy_hi": f"{score.hi:.4f}",
        "heldout_records": str(score.n),
        "teacher_accuracy": f"{evaluation.teacher.value:.4f}",
    }
    instance_type = plan.serving.instance_type
    return {
        "ModelPackageDescription": f"{plan.student} distilled from {plan.teacher} "
        f"({evidence.matching.strategy}) by run {run.run_id}",
        "ModelApprovalStatus": "Approved",
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
            "SupportedRealtimeInferenceInstanceTypes": [instance_type],
        },
        "ModelMetrics": {
            "ModelQuality": {
                "Statistics": {"ContentType": "application/json", "S3Uri": metrics_uri}
            }
        },
        "CustomerMetadataProperties": properties,
    }


def _patience_seconds(artifact_bytes: int) -> int:
    """A minute, and two more for each GiB of weights."""
    wanted = _MIN_TIMEOUT + math.ceil(120 * artifact_bytes / _GIB)
    return min(_MAX_TIMEOUT, wanted)
