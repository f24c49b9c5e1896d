"""Deployments of a run: the first of a student, and the same model on another server."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambdas.aws import components
from lambdas.aws.bucket import Bucket
from lambdas.aws.settings import settings
from lambdas.gathering.planning_inputs import servers
from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import EvaluateResult
from stratos.contracts.match import MatchEvidence
from stratos.contracts.plan import Plan
from stratos.contracts.run import RunRef
from stratos.hosting.build import build_deployment, endpoint_name
from stratos.hosting.model_package import Lineage
from stratos.pipeline.steps import Deployment
from stratos.spec import EndpointMode, Spec


def deployment_of(
    run: RunRef,
    spec: Spec,
    evidence: MatchEvidence,
    model_artifact: str,
    *,
    live_config: str | None,
    live_mode: EndpointMode | None,
    suffix: str = "",
) -> Deployment:
    """What puts the evaluated model of an attempt into service.

    Args:
        live_config: Configuration of the endpoint in service before this run, if one was.
        live_mode: How the endpoint that is there now is hosted, if one is.
        suffix: Of the deployment's names, after the first.
    """
    bucket, keys = Bucket(run.bucket), RunKeys(run.run_id)
    result_key = keys.job_result(f"evaluate-a{evidence.attempt}")
    artifacts, key = Bucket.of(model_artifact)
    return build_deployment(
        run,
        spec,
        evidence,
        bucket.read_model(result_key, EvaluateResult),
        model_artifact,
        artifact_bytes=next((item.size for item in artifacts.list(key)), 0),
        lineage=bucket.read_model(keys.lineage, Lineage),
        live_config=live_config,
        live_mode=live_mode,
        suffix=suffix,
        now=datetime.now(UTC),
        kms_key_arn=settings().kms_key_arn,
        live_component=components.live(endpoint_name(spec.name))
        if live_mode == "scale_to_zero"
        else None,
        servers=servers(bucket),
    )


def on_another_server(
    run: RunRef, spec: Spec, evidence: MatchEvidence, plan: Plan, current: Deployment, number: int
) -> Deployment:
    """The model of a deployment on the server of a plan, in the place of the endpoint it has.

    What was in service before the run stays what a roll-back restores. A serverless endpoint
    becomes a real-time one, and the other kinds stay what they are.

    Args:
        number: Of the server, counted from 1 for the first one after the match's own.
    """
    was_serverless = current.hosting.mode == "serverless"
    matching = evidence.matching.model_copy(update={"plan": plan})
    built = deployment_of(
        run,
        spec,
        evidence.model_copy(update={"matching": matching}),
        current.container["ModelDataUrl"],
        live_config=current.previous_config_name,
        live_mode=_mode_of(current),
        suffix=f"-s{number}",
    )
    changes: dict[str, Any] = {
        "replaces_live": True,
        "deploying_since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if was_serverless:
        why = f"realtime, since serverless missed the load: {current.hosting.reason}"
        changes["hosting"] = built.hosting.model_copy(update={"reason": why})
        changes["guardrails"] = None  # of an endpoint that nobody uses yet
    return built.model_copy(update=changes)


def _mode_of(current: Deployment) -> EndpointMode | None:
    """How the endpoint is hosted that another server takes over."""
    if current.hosting.mode == "batch":
        return None
    return "realtime" if current.hosting.mode == "serverless" else current.hosting.mode
