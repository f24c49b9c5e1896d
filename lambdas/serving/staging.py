"""The endpoints of a model that is served in several regions, or in another than the stack's own.

Each is made beside what is in service, under the run's own name, and nobody asks it yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from lambdas.aws.bucket import Bucket
from lambdas.aws.run_files import RunFiles
from lambdas.aws.settings import settings
from lambdas.serving.deployments import deployment_of
from stratos.contracts.bucket import served_key
from stratos.contracts.match import MatchEvidence
from stratos.contracts.plan import Interval, Plan, PlannedEndpoint
from stratos.contracts.run import RunRef
from stratos.errors import DeploymentFailed
from stratos.hosting.deployment import EndpointDeployment
from stratos.hosting.ownership import HOME_TAG, LEASE_TAG, RECORD_TAG, STAGE_TAG, tags_of
from stratos.moment import now, to_the_second, written
from stratos.pipeline.region_endpoints import (
    STAGED_SECONDS,
    RegionEndpoint,
    RegionOrigin,
    StagedFleet,
)
from stratos.planning.forecast.network import round_trip_ms
from stratos.spec import Spec


def serves_elsewhere(plan: Plan) -> bool:
    """Whether a plan serves in another region than the stack's own."""
    own = settings().aws_region
    return len(settings().regions) > 1 and any(region != own for region in plan.regions)


def planned_fleet(
    run: RunRef, spec: Spec, evidence: MatchEvidence, model_artifact: str, *, number: int = 0
) -> EndpointDeployment:
    """The deployment of the whole fleet: the endpoint with the most requests, the dollars of all.

    Nothing of it is made before the fleet is staged.

    Args:
        number: Of its servers, counted from 0 for the match's own.
    """
    return _whole(_endpoints(run, spec, evidence, model_artifact, number))


def staged_fleet(run: RunRef, model_artifact: str) -> tuple[StagedFleet, EndpointDeployment]:
    """Every endpoint as it is made now, and the deployment of the whole fleet.

    By the plan of the match, or by the one that follows servers which missed a gate.
    """
    files = RunFiles(run)
    spec, evidence, measurements = files.spec(), files.match(), files.measurements()
    number = 0
    if measurements.next_plan is not None:
        mine = (item for item in measurements.measured if item.attempt == evidence.attempt)
        number = len({item.endpoint_config_name for item in mine})
        matching = evidence.matching.model_copy(update={"plan": measurements.next_plan})
        evidence = evidence.model_copy(update={"matching": matching})
    since = now()
    lease_ends = to_the_second(since + timedelta(seconds=STAGED_SECONDS))
    endpoints = tuple(
        endpoint.model_copy(
            update={
                "deployment": endpoint.deployment.model_copy(
                    update={
                        "deploying_since": since,
                        "tags": _tags(run, spec, endpoint.region, lease_ends),
                    }
                )
            }
        )
        for endpoint in _endpoints(run, spec, evidence, model_artifact, number)
    )
    return StagedFleet(endpoints=endpoints, lease_ends=lease_ends), _whole(endpoints)


def stage_tags(stage: str, lease_ends: datetime) -> list[dict[str, str]]:
    """How far an endpoint has come, and until when it is let alone."""
    tags = {STAGE_TAG: stage, LEASE_TAG: written(lease_ends)}
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _tags(run: RunRef, spec: Spec, region: str, lease_ends: datetime) -> list[dict[str, str]]:
    """Until it is promoted an endpoint has no end but that of its lease."""
    own, record = settings().aws_region, Bucket(run.bucket).uri(served_key(spec.name))
    more = {RECORD_TAG: record} | ({} if region == own else {HOME_TAG: own})
    return [
        *tags_of(settings().stack_name, run.run_id, spec.name, None),
        *stage_tags("staged", lease_ends),
        *({"Key": key, "Value": value} for key, value in more.items()),
    ]


def _whole(endpoints: tuple[RegionEndpoint, ...]) -> EndpointDeployment:
    first = endpoints[0].deployment
    monthly = sum(one.deployment.hosting.usd_per_month for one in endpoints)
    return first.model_copy(
        update={
            "served_in": tuple(one.region for one in endpoints),
            "usd_per_hour": sum(one.deployment.usd_per_hour for one in endpoints),
            "billed_usd_per_hour": sum(one.deployment.billed_usd_per_hour for one in endpoints),
            "hosting": first.hosting.model_copy(update={"usd_per_month": monthly}),
        }
    )


def _endpoints(
    run: RunRef, spec: Spec, evidence: MatchEvidence, model_artifact: str, number: int
) -> tuple[RegionEndpoint, ...]:
    evaluation = RunFiles(run).evaluated(evidence.attempt).served_by(evidence.plan.engine)
    found = []
    for plan, origins in _parts(evidence.plan, spec):
        share = sum(origin.requests_per_second for origin in origins)
        part = spec.model_copy(update={"load": spec.load.part(share)})
        matching = evidence.matching.model_copy(update={"plan": plan})
        deployment = deployment_of(
            run,
            part,
            evidence.model_copy(update={"matching": matching}),
            model_artifact,
            live=None,
            suffix=f"-s{number}" if number else "",
            own_endpoint=True,
        )
        if not isinstance(deployment, EndpointDeployment):
            raise DeploymentFailed(
                f"a model that is hosted as {deployment.hosting.mode} is served in the stack's own "
                f"region only, and the plan serves it in {', '.join(evidence.plan.regions)}; set "
                f"constraints.regions to {settings().aws_region}, or hosting.mode to realtime"
            )
        region = plan.serving.region
        within = round_trip_ms(region, region)
        found.append(
            RegionEndpoint(
                region=region,
                deployment=deployment.model_copy(update={"guardrails": None}),
                plan=plan,
                origins=origins,
                beyond_ms=max(0.0, *(origin.network_ms - within for origin in origins)),
                asks_all=plan.engine is not None and not evaluation.came_through(plan.engine),
            )
        )
    return tuple(found)


def _parts(plan: Plan, spec: Spec) -> Iterator[tuple[Plan, tuple[RegionOrigin, ...]]]:
    """A plan for each of its endpoints, with the origins that it is to answer."""
    own = PlannedEndpoint(
        server=plan.serving,
        slots=plan.engine.slots if plan.engine else 1,
        usd_per_month=plan.usd_per_month.value
        - sum(more.usd_per_month for more in plan.more_endpoints),
    )
    for endpoint in (own, *plan.more_endpoints):
        region = endpoint.server.region
        answered = [origin for origin in plan.origins if origin.served_in == region]
        origins = tuple(
            RegionOrigin(
                origin=origin.origin,
                requests_per_second=origin.requests_per_second,
                network_ms=origin.round_trip_ms,
            )
            for origin in answered
        ) or (_from_home(spec, region),)
        slowest = max((origin.p95_latency_ms for origin in answered), default=None)
        yield _part(plan, endpoint, slowest), origins


def _from_home(spec: Spec, region: str) -> RegionOrigin:
    """All requests of a spec that names no origins."""
    own = settings().aws_region
    return RegionOrigin(
        origin=own,
        requests_per_second=spec.load.requests_per_second,
        network_ms=round_trip_ms(own, region),
    )


def _part(plan: Plan, endpoint: PlannedEndpoint, p95_ms: float | None) -> Plan:
    monthly = endpoint.usd_per_month
    changes: dict[str, object] = {
        "serving": endpoint.server,
        "more_endpoints": (),
        "origins": tuple(o for o in plan.origins if o.served_in == endpoint.server.region),
        "usd_per_month": Interval(value=monthly, lo=monthly, hi=monthly),
    }
    if plan.engine is not None:
        changes["engine"] = plan.engine.model_copy(update={"slots": endpoint.slots})
    if p95_ms is not None:
        changes["p95_latency_ms"] = Interval(value=p95_ms, lo=p95_ms, hi=p95_ms)
    return plan.model_copy(update=changes)
