"""Promote: from now on, and until its time is over, the run's model is the one in service."""

from __future__ import annotations

from lambdas.aws import registry, runs_table, scaling, schedules
from lambdas.aws.run_files import RunFiles
from lambdas.aws.sagemaker import tag_endpoint
from lambdas.aws.settings import settings
from lambdas.serving import batch_promotion, turns
from lambdas.serving.deployments import on_what_serves
from lambdas.step import step
from stratos.contracts.measurements import Measurements
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
        before = row.endpoint_name == deployment.endpoint_name or row.batch_model_name
        if row.run_id != run.run_id and before:
            runs_table.update(
                row.run_id, endpoint_name=None, expires_at=None, batch_model_name=None
            )
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
    turns.give_back(run.run_id, deployment.endpoint_name)
    return Promoted(
        endpoint_name=deployment.endpoint_name, expires_at=expires_at, schedule_name=schedule_name
    )


def _register_served(package_arn: str, deployment: AnyEndpoint, measurements: Measurements) -> None:
    """Tell the registry what was measured, and on what the model serves if that has changed."""
    last = measurements.last
    assert last is not None, "promoted before it was measured"
    assert last.load is not None, "a batch was measured, not an endpoint"
    package = deployment.model_package if measurements.moved else None
    registry.add_served(package_arn, served_properties(last.load, deployment), package)
