"""Promote: from now on, and until its time is over, the run's model is the one in service."""

from __future__ import annotations

from datetime import datetime

from lambdas.aws import registry, runs_table, scaling, schedules
from lambdas.aws.run_files import RunFiles
from lambdas.aws.sagemaker import tag_endpoint
from lambdas.aws.settings import settings
from lambdas.serving import batch_promotion, served_records, turns
from lambdas.serving.deployments import on_what_serves
from lambdas.serving.regional_promotion import confirm_all
from lambdas.step import step
from stratos.contracts.measurements import Measurements
from stratos.contracts.run import RunRef
from stratos.contracts.served import Served
from stratos.hosting.deployment import AnyEndpoint, BatchDeployment, ComponentDeployment
from stratos.hosting.model_package import served_properties
from stratos.hosting.ownership import expiry, ownership_tags
from stratos.moment import now, to_the_second
from stratos.pipeline.steps import Promoted, PromoteInput


@step
def handler(payload: PromoteInput) -> Promoted:
    """Record the run as the live one, and set or remove its schedules."""
    run, deployment = payload.run, on_what_serves(payload.deployment)
    files, promoted_at = RunFiles(run), to_the_second(now())
    spec = files.spec()
    if isinstance(deployment, BatchDeployment):
        return batch_promotion.promote(payload, spec, deployment)
    expires_at = expiry(spec.hosting, promoted_at)
    # What comes before the row is written can be taken back by CleanUp. A failure after that leaves
    # an endpoint that the table shows as live and the sweeper ends on time.
    _register_served(payload.package_arn, deployment, files.measurements())
    served_records.begin_promotion(run)
    record = _recorded(run, spec.name, deployment, promoted_at, expires_at)
    runs_table.update(
        run.run_id,
        endpoint_name=deployment.endpoint_name,
        endpoint_config_name=deployment.endpoint_config_name,
        live_since=promoted_at,
        expires_at=expires_at,
        usd_per_hour=deployment.usd_per_hour,
        model_artifact=deployment.container["ModelDataUrl"],
    )
    for row in runs_table.runs_of_spec(run.spec_key):
        if row.run_id != run.run_id and row.in_charge:
            served_records.leave_charge(row.run_id)
    if record is not None:  # a region that hangs is not to keep the table from saying so
        confirm_all(record)
    # Without worker regions there is no state that ends them: the sweepers do.
    drained = record.former if record is not None and len(settings().regions) > 1 else ()
    if expires_at is None:
        schedules.cancel_deletion(deployment.endpoint_name)
    elif isinstance(deployment, ComponentDeployment):
        schedules.schedule_sweep(deployment.endpoint_name, expires_at)
    else:
        schedules.schedule_deletion(deployment.endpoint_name, expires_at, deployment.scaling)
    tag_endpoint(
        deployment.endpoint_name, ownership_tags(settings().stack_name, run, spec, promoted_at)
    )
    scaling.apply(deployment.endpoint_name, deployment.scaling)
    schedule_name = schedules.set_rerun(payload.parsed, run, promoted_at)
    if not drained:  # the turn ends when they are gone
        turns.give_back(run.run_id, deployment.endpoint_name)
    return Promoted(
        endpoint_name=deployment.endpoint_name,
        expires_at=expires_at,
        schedule_name=schedule_name,
        drain_seconds=settings().drain_seconds if drained else None,
        former=drained,
    )


def _recorded(
    run: RunRef,
    spec_name: str,
    deployment: AnyEndpoint,
    promoted_at: datetime,
    expires_at: datetime | None,
) -> Served | None:
    """Let clients of a spec that other regions have served come home: they keep to its record.

    So they do when the stack has no worker regions any more.

    Returns:
        The record; None for a spec that home alone has ever served.
    """
    record = served_records.find(run, spec_name)
    if record is not None and record.run_id != run.run_id:
        record = served_records.of_home(run, spec_name, deployment, promoted_at, expires_at)
        served_records.put(run, record)
    return record


def _register_served(package_arn: str, deployment: AnyEndpoint, measurements: Measurements) -> None:
    """Tell the registry what was measured, and on what the model serves if that has changed."""
    last = measurements.last
    assert last is not None, "promoted before it was measured"
    assert last.load is not None, "a batch was measured, not an endpoint"
    package = deployment.model_package if measurements.moved else None
    registry.add_served(package_arn, served_properties(last.load, deployment), package)
