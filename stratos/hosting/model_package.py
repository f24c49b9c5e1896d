"""A version in the model registry: what was measured, what it was made from, who may use it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from stratos.catalog.terms import rights_in, weights_licence
from stratos.contracts.bucket import s3_uri
from stratos.contracts.jobs import EvaluateResult
from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import BatchResult, LoadResult
from stratos.contracts.run import RunRef
from stratos.frozen import FrozenModel
from stratos.hosting.deployment import AnyEndpoint, BatchDeployment, Deployment
from stratos.outside_text import one_line
from stratos.spec import Bedrock, Logs, OpenAICompatible, Spec, Teacher

RUN_PROPERTY = "run_id"
"""Of a version: the run that registered it."""
_LONGEST_VALUE = 256
_NOT_ALLOWED = re.compile(r"[^\w .:/=+\-@]")
"""What SageMaker refuses in a property: it takes letters, digits, spaces and `_.:/=+-@`."""
_LONGEST_DESCRIPTION = 1024


class Lineage(FrozenModel):
    """Where a distilled model comes from."""

    content_hash: str
    """Over spec, dataset, checker and model folders."""
    dataset_uri: str
    metrics_uri: str
    """Of the evaluation result."""
    weights_sha256: str
    teacher: Teacher
    student: Teacher
    jobs: dict[str, str]
    """Step → name of the training job that completed it."""
    training_region: str = ""
    """Where the student was trained; empty in lineages of before that was noted."""
    serving_regions: tuple[str, ...] = ()
    """Where it is planned to answer, that with the most requests first."""


def model_package(
    run: RunRef,
    spec: Spec,
    evidence: MatchEvidence,
    evaluation: EvaluateResult,
    container: dict[str, Any],
    lineage: Lineage,
    *,
    instance_types: str,
) -> dict[str, Any]:
    """The request of CreateModelPackage, without the group.

    Args:
        instance_types: Field that names the instance type, by how the model is asked.

    It has no `ModelCard`: SageMaker holds its content to a schema that only SageMaker has.
    """
    plan, strategy = evidence.plan, evidence.matching.strategy
    return {
        "ModelPackageDescription": description(
            f"{plan.student} distilled from {plan.teacher} ({strategy}) by run {run.run_id}"
        ),
        "ModelApprovalStatus": (
            "PendingManualApproval" if spec.approval == "required" else "Approved"
        ),
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
            instance_types: [plan.serving.instance_type],
        },
        "ModelMetrics": {
            "ModelQuality": {
                "Statistics": {"ContentType": "application/json", "S3Uri": lineage.metrics_uri}
            }
        },
        "MetadataProperties": {"GeneratedBy": run.execution_arn, "ProjectId": spec.name},
        "CustomerMetadataProperties": _properties(
            {
                RUN_PROPERTY: run.run_id,
                "spec": spec.name,
                "spec_uri": s3_uri(run.bucket, run.spec_key),
                "spec_version_id": run.spec_version_id,
                "content_hash": lineage.content_hash,
                "dataset_uri": lineage.dataset_uri,
                "weights_sha256": lineage.weights_sha256,
                "teacher": plan.teacher,
                "teacher_source": _source(lineage.teacher),
                "teacher_licence": licence_of(lineage.teacher),
                "rights": "; ".join(rights_in(spec, lineage.teacher)),
                "student": plan.student,
                "student_source": _source(lineage.student),
                "student_licence": licence_of(lineage.student),
                "strategy": strategy,
                **{f"{step}_job": name for step, name in lineage.jobs.items()},
                **_regions(lineage),
                **_accuracies(evaluation),
            }
        ),
    }


def _regions(lineage: Lineage) -> dict[str, str]:
    found = {
        "training_region": lineage.training_region,
        "serving_regions": " ".join(lineage.serving_regions),
    }
    return {name: text for name, text in found.items() if text}  # SageMaker takes no empty one


def served_properties(load: LoadResult, deployment: AnyEndpoint) -> dict[str, str]:
    """Properties that are known once the endpoint has been measured."""
    return _properties(
        {
            "endpoint": deployment.endpoint_name,
            "serving_image": deployment.container["Image"],
            "serving_instance_type": deployment.instance_type or deployment.hosting.mode,
            **_engine_properties(deployment),
            **_latencies(load),
            "requests_per_second": f"{load.requests_per_second.value:.2f}",
            "tokens_per_second": f"{load.tokens_per_second:.0f}",
        }
    )


def _latencies(load: LoadResult) -> dict[str, str]:
    found = {"p50": load.p50_ms, "p95": load.p95_ms, "p99": load.p99_ms}
    return {f"{q}_latency_ms": f"{one.value:.1f}" for q, one in found.items() if one is not None}


def batch_properties(batch: BatchResult, deployment: BatchDeployment) -> dict[str, str]:
    """Properties that are known once a first batch has been measured."""
    instance_type = deployment.transform_job.transform_resources["InstanceType"]
    return _properties(
        {
            "batch_model": deployment.model_name,
            "serving_image": deployment.container["Image"],
            "serving_instance_type": instance_type,
            **_engine_properties(deployment),
            "requests_per_second": f"{batch.requests_per_second:.2f}",
            "tokens_per_second": f"{batch.tokens_per_second:.0f}",
            "cold_start_seconds": f"{batch.cold_start_seconds or 0:.0f}",
        }
    )


def _engine_properties(deployment: Deployment) -> dict[str, str]:
    engine = deployment.engine
    return {"engine": engine.name, "served_precision": engine.precision} if engine else {}


def description(words: str) -> str:
    """Words as the registry's descriptions take them: one line, nothing unseen, not too long."""
    return one_line(" ".join(words.split()))[:_LONGEST_DESCRIPTION]


def licence_of(model: Teacher) -> str:
    """SPDX identifier: the spec's word, else the catalog's; `unknown` where neither has one.

    What a hosted teacher's output may be used for is in its provider's terms of service.
    """
    match model:
        case Bedrock():
            return "terms of Amazon Bedrock"
        case OpenAICompatible():
            return f"terms of {urlsplit(model.base_url).hostname}"
        case Logs():
            return "of whoever wrote the logged replies"
        case _:
            return weights_licence(model) or "unknown"


def _source(model: Teacher) -> str:
    match model:
        case Bedrock():
            return f"bedrock:{model.model_id}"
        case OpenAICompatible():
            return f"{model.base_url.partition('?')[0]} {model.model}"
        case Logs():
            return "logged replies of the dataset"
        case _:
            return f"hub:{model.hub}" if model.hub else f"spec:{model.path}"


def _accuracies(evaluation: EvaluateResult) -> dict[str, str]:
    scores = {
        "": evaluation.student,
        "teacher_": evaluation.teacher,
        "untuned_": evaluation.untuned_student,
    }
    return {
        "heldout_records": str(evaluation.student.n),
        **{
            f"{who}accuracy{end}": f"{value:.4f}"
            for who, score in scores.items()
            for end, value in (("", score.value), ("_lo", score.lo), ("_hi", score.hi))
        },
    }


def _properties(values: dict[str, str]) -> dict[str, str]:
    """Values as SageMaker takes them; other characters become `_`."""
    return {name: _NOT_ALLOWED.sub("_", text)[:_LONGEST_VALUE] for name, text in values.items()}
