"""Deployments of a run: the first of a student, and the same model on another server."""

from __future__ import annotations

from lambdas.aws import components
from lambdas.aws.bucket import Bucket
from lambdas.aws.catalog_files import CatalogFiles
from lambdas.aws.run_files import RunFiles
from lambdas.aws.sagemaker import Endpoint
from lambdas.aws.settings import settings
from stratos.contracts.match import MatchEvidence
from stratos.contracts.plan import Plan
from stratos.contracts.run import RunRef
from stratos.hosting.build import build_deployment
from stratos.hosting.deployment import BatchDeployment, Deployment
from stratos.hosting.modes.table import mode_named
from stratos.hosting.order import Artifact, LiveEndpoint, Order
from stratos.moment import now
from stratos.spec import Spec


def deployment_of(
    run: RunRef,
    spec: Spec,
    evidence: MatchEvidence,
    model_artifact: str,
    *,
    live: LiveEndpoint | None,
    suffix: str = "",
) -> Deployment:
    """The deployment that puts the evaluated model of an attempt into service.

    Args:
        live: The endpoint that is there now, if there is one.
        suffix: Of the deployment's names, where it is not the first one.
    """
    files = RunFiles(run)
    evaluation = files.evaluated(evidence.attempt).served_by(evidence.plan.engine)
    artifacts, key = Bucket.of(model_artifact)
    size = next((item.size for item in artifacts.list(key)), 0)
    return build_deployment(
        Order(
            names=settings().names,
            run=run,
            spec=spec,
            evidence=evidence,
            evaluation=evaluation,
            lineage=files.lineage(),
            artifact=Artifact(model_artifact, size),
            servers=CatalogFiles(run).servers(),
            now=now(),
            live=live,
            suffix=suffix,
            kms_key_arn=settings().kms_key_arn,
        )
    )


def live_endpoint(found: Endpoint | None) -> LiveEndpoint | None:
    """The endpoint that a run finds under its spec's name."""
    if found is None:
        return None
    component = components.live(found.name) if found.in_component else None
    return LiveEndpoint(found.mode, found.config_name, component)


def on_another_server(
    run: RunRef, spec: Spec, evidence: MatchEvidence, plan: Plan, current: Deployment, number: int
) -> Deployment:
    """The same model on the server and in the engine of another plan, in place of its endpoint.

    A roll-back still restores what was in service before the run.

    Args:
        number: Of the server, counted from 1 for the first one after the match's own.
    """
    mode = mode_named(current.hosting.mode)
    live = None
    if not isinstance(current, BatchDeployment):
        live = LiveEndpoint(mode.moves_to, current.previous_config_name)
    matching = evidence.matching.model_copy(update={"plan": plan})
    built = deployment_of(
        run,
        spec,
        evidence.model_copy(update={"matching": matching}),
        current.container["ModelDataUrl"],
        live=live,
        suffix=f"-s{number}",
    ).model_copy(update={"deploying_since": now()})
    return mode.after_the_move(built, current.hosting)
