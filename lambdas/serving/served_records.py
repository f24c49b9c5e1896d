"""The record of where a model answers, and the runs table that follows it.

Writing the record puts a model into service. Whatever comes after it is done again if it did not
come about: a run whose model the record names is in charge.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from lambdas.aws import runs_table
from lambdas.aws.bucket import Bucket
from lambdas.aws.run_files import RunFiles
from lambdas.aws.settings import settings
from lambdas.aws.staged_files import StagedFiles
from stratos.contracts.bucket import served_key
from stratos.contracts.run import RunRef, RunRow
from stratos.contracts.served import Served, ServedOrigin, ServedRegion
from stratos.errors import DeploymentFailed, EndpointUnsettled
from stratos.hosting.deployment import AnyEndpoint, BatchDeployment, ComponentDeployment
from stratos.moment import now
from stratos.pipeline.region_endpoints import StagedFleet
from stratos.planning.forecast.network import WITHIN_REGION_MS
from stratos.waiting import every, wait_until, within

_PROMOTIONS_END = timedelta(minutes=16)
"""After a promotion began: no function runs for longer than 15 minutes."""
_PATIENCE_SECONDS = 240.0
_PAUSE_SECONDS = 5.0


def find(run: RunRef, spec_name: str) -> Served | None:
    """The record of a spec; None if its models were always served at home alone."""
    return Bucket(run.bucket).find_model(served_key(spec_name), Served)


def begin_promotion(run: RunRef) -> None:
    """Keep what the run has made from CleanUp, right before its model is put into service.

    A function goes on when its execution is stopped, and CleanUp is called then.

    Raises:
        DeploymentFailed: CleanUp is deleting it.
    """
    if not runs_table.begin_promotion(run.run_id):
        raise DeploymentFailed(
            f"run {run.run_id} has ended, and what it made is being deleted; what was in service "
            "stays. Submit the spec again"
        )


def give_up(run: RunRef) -> None:
    """Keep a run that has ended from putting its model into service; nothing if it has done so.

    Raises:
        EndpointUnsettled: it may be doing so right now; call again.
    """
    finish_if_committed(run)
    row = runs_table.find(run.run_id)
    if row is None or row.live_since or runs_table.give_up(run.run_id, _PROMOTIONS_END):
        return
    wait_until(
        lambda: _promoted(run), pauses=every(_PAUSE_SECONDS), deadline=within(_PATIENCE_SECONDS)
    )
    if not _promoted(run):
        raise EndpointUnsettled(
            f"run {run.run_id} is putting its model into service, or was cut short over it; the "
            f"next call sees which, {_PROMOTIONS_END.seconds // 60} minutes after it began at last"
        )


def settle(run: RunRef) -> None:
    """Decide for a run that has ended, before its event has called CleanUp, what becomes of it.

    The table says what the record says; where there is none, the run writes none any more, unless
    it is about to right now: then `is_promoting` says so of the row.
    """
    finish_if_committed(run)
    row = runs_table.find(run.run_id)
    if row is not None and not row.in_charge:
        runs_table.give_up(run.run_id, _PROMOTIONS_END)


def is_promoting(row: RunRow) -> bool:
    """Whether a run may be putting its model into service right now, also one that was stopped."""
    begun = row.committing_at
    if begun is None or row.live_since or row.status == "succeeded":
        return False
    return begun + _PROMOTIONS_END > now()


def _promoted(run: RunRef) -> bool:
    """Whether the run's model was put into service, also if a later run has replaced it since."""
    finish_if_committed(run)
    row = runs_table.find(run.run_id)
    return row is not None and row.live_since is not None


def put(run: RunRef, record: Served) -> None:
    """Put a model into service."""
    Bucket(run.bucket).put_model(served_key(record.spec_name), record)


def of_fleet(
    run: RunRef,
    spec_name: str,
    fleet: StagedFleet,
    promoted_at: datetime,
    expires_at: datetime | None,
) -> Served:
    """The record of a fleet that was measured."""
    regions = tuple(
        _served_by(one.region, one.deployment, tuple(origin.origin for origin in one.origins))
        for one in fleet.endpoints
    )
    return _record(run, spec_name, regions, promoted_at, expires_at).model_copy(
        update={"origins": tuple(_origins(run, fleet))}
    )


def of_home(
    run: RunRef,
    spec_name: str,
    deployment: AnyEndpoint,
    promoted_at: datetime,
    expires_at: datetime | None,
) -> Served:
    """The record of a model that home alone serves from now on."""
    regions = (_served_by(settings().aws_region, deployment, ()),)
    return _record(run, spec_name, regions, promoted_at, expires_at)


def finish_if_committed(run: RunRef) -> None:
    """Let the table say what the record says, if it names this run."""
    row = runs_table.find(run.run_id)
    if row is None or row.in_charge or row.spec_name is None:
        return
    record = find(run, row.spec_name)
    if record is not None and record.run_id == run.run_id:
        take_charge(run, record)


def take_charge(run: RunRef, record: Served) -> None:
    """Write down that the run is in charge, and no other of its spec."""
    deployment = RunFiles(run).find_deployment()
    assert deployment is not None, "a model is in service without a deployment"
    regions = tuple(one.region for one in record.regions)
    runs_table.update(
        run.run_id,
        endpoint_name=record.regions[0].endpoint_name,
        endpoint_config_name=record.regions[0].endpoint_config_name,
        serving_regions=None if regions == (settings().aws_region,) else regions,
        live_since=record.promoted_at,
        expires_at=record.expires_at,
        usd_per_hour=deployment.usd_per_hour,
        model_artifact=deployment.container["ModelDataUrl"],
    )
    for row in _others_in_charge(run):
        leave_charge(row.run_id)


def leave_charge(run_id: str) -> None:
    """Write down that a run's model is in service no more."""
    gone = ("endpoint_name", "expires_at", "batch_model_name", "serving_regions")
    runs_table.update(run_id, **dict.fromkeys(gone))


def _record(
    run: RunRef,
    spec_name: str,
    regions: tuple[ServedRegion, ...],
    promoted_at: datetime,
    expires_at: datetime | None,
) -> Served:
    before = find(run, spec_name)
    names = {one.endpoint_name for one in regions}
    former = (one for row in _others_in_charge(run) for one in _at(row))
    return Served(
        spec_name=spec_name,
        spec_key=run.spec_key,
        run_id=run.run_id,
        generation=1 if before is None else before.generation + 1,
        promoted_at=promoted_at,
        expires_at=expires_at,
        home=settings().aws_region,
        regions=regions,
        former=tuple(one for one in former if one.endpoint_name not in names),
    )


def _others_in_charge(run: RunRef) -> Iterator[RunRow]:
    rows = list(runs_table.runs_of_spec(run.spec_key))
    return (row for row in rows if row.in_charge and row.run_id != run.run_id)


def _at(row: RunRow) -> Iterator[ServedRegion]:
    """The endpoints of a run that is in charge; none where batches ask its model."""
    deployment = RunFiles(row.ref).find_deployment()
    if row.endpoint_name is None or deployment is None or isinstance(deployment, BatchDeployment):
        return
    for region in row.serving_regions or (settings().aws_region,):
        yield _served_by(region, deployment, ())


def _served_by(region: str, deployment: AnyEndpoint, origins: tuple[str, ...]) -> ServedRegion:
    component = deployment.component if isinstance(deployment, ComponentDeployment) else None
    return ServedRegion(
        region=region,
        endpoint_name=deployment.endpoint_name,
        endpoint_config_name=deployment.endpoint_config_name,
        model_name=deployment.model_name,
        mode=deployment.hosting.mode,
        component=None if component is None else component.name,
        origins=origins,
        usd_per_hour=deployment.usd_per_hour,
    )


def _origins(run: RunRef, fleet: StagedFleet) -> Iterator[ServedOrigin]:
    files = StagedFiles.of(run)
    for one in fleet.endpoints:
        found = files.find_load(fleet.name, one.region)
        p95 = None if found is None or found.load.p95_ms is None else found.load.p95_ms.value
        for origin in one.origins:
            beyond = max(0.0, origin.network_ms - WITHIN_REGION_MS)
            yield ServedOrigin(
                origin=origin.origin,
                region=one.region,
                network_ms=origin.network_ms,
                p95_ms=None if p95 is None else p95 + beyond,
                requests_per_second=origin.requests_per_second,
            )
