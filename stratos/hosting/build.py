"""What the endpoint of a run is made of: names, model, variant, guardrails, package, tags."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from stratos.catalog.images import runtime_of
from stratos.catalog.servers import ServerCatalog
from stratos.contracts.bucket import RunKeys, async_folder
from stratos.contracts.jobs import EvaluateResult
from stratos.contracts.match import MatchEvidence
from stratos.contracts.plan import Server
from stratos.contracts.run import RunRef
from stratos.hosting.choice import HostingChoice, choose_hosting
from stratos.hosting.components import (
    LiveComponent,
    component_guardrails,
    component_rollout,
    has_component,
    managed_instances,
)
from stratos.hosting.container import (
    GPU_AMI,
    download_seconds,
    serving_container,
    start_seconds,
)
from stratos.hosting.guardrails import Guardrails, guardrails
from stratos.hosting.model_package import Lineage, model_package
from stratos.hosting.modes.batch import choose_batch, transform_job
from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.hosting.ownership import EXPIRES_TAG, NEVER, RUN_TAG, SPEC_TAG
from stratos.hosting.scaling import scaling_of
from stratos.pipeline.steps import Deployment
from stratos.spec import EndpointMode, Hosting, Spec

DEFAULT_TTL_HOURS = 24.0
VARIANT = "AllTraffic"
MEASURED = "measured"
"""The batch of held-out questions by which a model without an endpoint is measured."""
_QUEUED_AT_ONCE = 32
"""Requests that an instance is given at once from a queue: as many as our server decodes."""


def endpoint_name(spec_name: str) -> str:
    """One endpoint a spec: a new run updates it."""
    return f"stratos-{spec_name}"


def endpoint_mode(described: dict[str, Any]) -> EndpointMode:
    """How an endpoint is hosted, by what DescribeEndpoint tells of it."""
    if described.get("AsyncInferenceConfig"):
        return "async"
    if has_component(described):
        return "scale_to_zero"
    variants = described.get("ProductionVariants") or ()
    serverless = any("CurrentServerlessConfig" in variant for variant in variants)
    return "serverless" if serverless else "realtime"


def ttl_hours(hosting: Hosting) -> float | None:
    """How long the endpoint lives; None for ever, as what is never billed without being asked."""
    if hosting.keep or hosting.mode == "batch":
        return None
    return hosting.ttl_hours or DEFAULT_TTL_HOURS


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
    live_mode: EndpointMode | None,
    now: datetime,
    suffix: str = "",
    kms_key_arn: str | None = None,
    live_component: LiveComponent | None = None,
    servers: ServerCatalog | None = None,
) -> Deployment:
    """Put together what the SDK states ask SageMaker for.

    Args:
        kms_key_arn: What answers to batches are encrypted by.
        artifact_bytes: Size of model.tar.gz, from which start-up time is allowed for.
        lineage: What the registry is told of the model's origin.
        live_config: Configuration of the endpoint in service under this name, if one is.
        live_mode: How that endpoint is hosted.
        suffix: Tells deployments of one attempt apart.
        live_component: What that endpoint serves, where it scales to zero.
        servers: Catalog that the plan's server is from; AWS's own where left out.

    Raises:
        DeploymentFailed: the model cannot be hosted as it must be.
    """
    plan, server = evidence.plan, evidence.plan.serving
    name = f"stratos-{run.run_id}-a{evidence.attempt}{suffix}"
    endpoint = endpoint_name(spec.name)
    batched = spec.hosting.mode == "batch"
    if batched:
        hosting = choose_batch(spec, server, plan.requests_per_second.value, live_mode)
    else:
        assert plan.hosting.mode != "batch", "which only a spec can ask for"
        hosting = choose_hosting(
            spec,
            server,
            planned=plan.hosting.mode,
            p95_latency_ms=plan.p95_latency_ms.value,
            artifact_bytes=artifact_bytes,
            live_mode=live_mode,
        )
    tags = ownership_tags(run, spec, now)
    container = serving_container(server, spec.name, model_artifact, precision=plan.precision)
    return Deployment(
        model_name=name,
        endpoint_config_name=name,
        endpoint_name=endpoint,
        replaces_live=live_config is not None,
        previous_config_name=live_config,
        container=container,
        production_variant={} if batched else _variant(name, spec, server, hosting, artifact_bytes),
        async_inference_config=_queue(run, spec.name) if hosting.mode == "async" else None,
        component=component_rollout(
            endpoint,
            name,
            server,
            (servers or ServerCatalog.aws())[server.instance_type],
            artifact_bytes,
            live_component,
        )
        if hosting.mode == "scale_to_zero"
        else None,
        guardrails=_guardrails(endpoint, name, spec, server, hosting, artifact_bytes),
        hosting=hosting,
        scaling=None
        if hosting.mode == "batch"
        else scaling_of(spec, server, hosting.mode, endpoint, VARIANT),
        tags=tags,
        model_package=model_package(run, spec, evidence, evaluation, container, lineage),
        usd_per_hour=hosting.usd_per_month / HOURS_PER_MONTH,
        billed_usd_per_hour=0.0 if hosting.mode in ("serverless", "batch") else server.usd_per_hour,
        transform_job=transform_job(
            name,
            server,
            run.bucket,
            RunKeys(run.run_id).batch_questions(MEASURED),
            RunKeys(run.run_id).batch_answers(MEASURED, name),
            tags,
            kms_key_arn=kms_key_arn,
        )
        if batched
        else None,
    )


def _guardrails(
    endpoint: str,
    name: str,
    spec: Spec,
    server: Server,
    hosting: HostingChoice,
    artifact_bytes: int,
) -> Guardrails | None:
    limit = spec.constraints.max_p95_latency_ms
    startup = download_seconds(artifact_bytes) + start_seconds(server.instance_type, artifact_bytes)
    if hosting.mode in ("serverless", "batch"):
        return None
    if hosting.mode == "scale_to_zero":
        return component_guardrails(
            endpoint,
            name,
            copies=server.count,
            startup_seconds=startup,
            max_p95_latency_ms=limit,
        )
    return guardrails(
        endpoint,
        name,
        VARIANT,
        num_instances=server.count,
        startup_seconds=startup,
        max_p95_latency_ms=limit,
    )


def _variant(
    model_name: str, spec: Spec, server: Server, hosting: HostingChoice, artifact_bytes: int
) -> dict[str, Any]:
    variant: dict[str, Any] = {
        "VariantName": VARIANT,
        "ModelName": model_name,
        "InitialVariantWeight": 1.0,
    }
    if hosting.mode == "serverless":
        assert hosting.memory_gib is not None
        return variant | {
            "ServerlessConfig": {
                "MemorySizeInMB": 1024 * hosting.memory_gib,
                "MaxConcurrency": hosting.max_concurrency,
            }
        }
    variant |= {"InstanceType": server.instance_type, "InitialInstanceCount": server.count}
    if hosting.mode == "scale_to_zero":  # its component names the model, and how long it may take
        del variant["ModelName"], variant["InitialVariantWeight"]
        variant["ManagedInstanceScaling"] = managed_instances(spec, server)
    else:
        variant |= {
            "ModelDataDownloadTimeoutInSeconds": download_seconds(artifact_bytes),
            "ContainerStartupHealthCheckTimeoutInSeconds": start_seconds(
                server.instance_type, artifact_bytes
            ),
        }
    if hosting.mode != "async":
        # Answers differ in length: whoever has the fewest under way is free the soonest.
        variant["RoutingConfig"] = {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
    if runtime_of(server.instance_type) == "cuda":
        variant["InferenceAmiVersion"] = GPU_AMI
    return variant


def _queue(run: RunRef, spec_name: str) -> dict[str, Any]:
    """AsyncInferenceConfig: where answers go, and the reasons of those that failed."""
    folder = f"s3://{run.bucket}/{async_folder(spec_name)}"
    return {
        "OutputConfig": {"S3OutputPath": f"{folder}answers", "S3FailurePath": f"{folder}failures"},
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": _QUEUED_AT_ONCE},
    }
