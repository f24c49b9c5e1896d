"""Deployments of a run: the first of a student, and the same model on another server."""

from __future__ import annotations

from lambdas.aws import components
from lambdas.aws.bucket import Bucket
from lambdas.aws.catalog_files import CatalogFiles
from lambdas.aws.run_files import RunFiles
from lambdas.aws.sagemaker import Endpoint, describe_endpoint
from lambdas.aws.settings import settings
from stratos.contracts.jobs import EvaluateResult
from stratos.contracts.match import MatchEvidence, plans_in_order
from stratos.contracts.plan import Plan
from stratos.contracts.run import RunRef
from stratos.hosting.build import build_deployment
from stratos.hosting.deployment import BatchDeployment, Deployment, EndpointDeployment
from stratos.hosting.modes.table import mode_named, on_servers
from stratos.hosting.next_server import served_as, stand_ins
from stratos.hosting.order import Artifact, LiveEndpoint, Order
from stratos.hosting.pools import in_service
from stratos.measuring.student_gate import precisions_passed
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
    own_endpoint: bool = False,
) -> Deployment:
    """The deployment that puts the evaluated model of an attempt into service.

    Args:
        live: The endpoint that is there now, if there is one.
        suffix: Of the deployment's names, where it is not the first one.
        own_endpoint: Whether its endpoint is the run's own, beside that in service.
    """
    files = RunFiles(run)
    evaluated = files.evaluated(evidence.attempt)
    evaluation = evaluated.served_by(evidence.plan.engine)
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
            artifact=Artifact(model_artifact, size, _tool_parser(files, evidence)),
            servers=CatalogFiles(run).servers(),
            now=now(),
            live=live,
            suffix=suffix,
            kms_key_arn=settings().kms_key_arn,
            stand_ins=() if own_endpoint else _stand_ins(files, spec, evidence, evaluated),
            own_endpoint=own_endpoint,
        )
    )


def _tool_parser(files: RunFiles, evidence: MatchEvidence) -> str | None:
    distilled = files.find_distilled(evidence.attempt)
    return None if distilled is None else distilled.tool_parser


def _stand_ins(
    files: RunFiles, spec: Spec, evidence: MatchEvidence, evaluated: EvaluateResult
) -> tuple[Plan, ...]:
    """Plans for instances that an endpoint may get where those of its own plan are out."""
    if not settings().several_instance_types:
        return ()
    mine = on_servers(files.measurements().measured, evidence.attempt)
    missed = {item.plan.serving.instance_type for item in mine}
    passed = precisions_passed(evaluated, evidence, spec)
    return stand_ins(evidence, evidence.plan, passed, missed)


def on_what_serves(deployment: Deployment) -> Deployment:
    """A deployment in service, on the instances that SageMaker found for it."""
    if not isinstance(deployment, EndpointDeployment) or not deployment.pools:
        return deployment
    return in_service(deployment, describe_endpoint(deployment.endpoint_name))


def plan_in_service(deployment: Deployment, plan: Plan, evidence: MatchEvidence) -> Plan:
    """The plan of a deployment as it is forecast on the instances that serve, at their price."""
    pool = deployment.pool_in_service if isinstance(deployment, EndpointDeployment) else None
    if pool is None:
        return plan
    others = (one for one in plans_in_order(evidence.matching) if one.id == pool.plan_id)
    other = plan if plan.id == pool.plan_id else next(others, plan)
    return served_as(plan, other).model_copy(update={"serving": pool.server})


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
