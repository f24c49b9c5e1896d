"""Promotion of a model that is asked in batches: it has no endpoint, and never expires."""

from __future__ import annotations

from lambdas.aws import registry, runs_table, schedules
from lambdas.aws.live_mode import live_mode
from lambdas.aws.run_files import RunFiles
from stratos.contracts.measurements import BatchResult, Measurements
from stratos.hosting.choice import refuse_other_mode
from stratos.hosting.deployment import BatchDeployment
from stratos.hosting.model_package import batch_properties
from stratos.hosting.monthly import HOURS_PER_MONTH, worked_off_usd_per_month
from stratos.moment import now, to_the_second
from stratos.pipeline.steps import Promoted, PromoteInput
from stratos.spec import Spec


def promote(payload: PromoteInput, spec: Spec, deployment: BatchDeployment) -> Promoted:
    """Record the run as the one in charge of its spec, in place of an earlier one.

    Raises:
        DeploymentFailed: an endpoint of the spec has appeared since the batch was planned.
    """
    run, promoted_at = payload.run, to_the_second(now())
    measurements = RunFiles(run).measurements()
    # Batches take no turn. An endpoint that appears after this check replaces them once promoted.
    refuse_other_mode(spec, live_mode(run, spec))
    _register(payload.package_arn, deployment, measurements)
    runs_table.update(
        run.run_id,
        batch_model_name=deployment.model_name,
        live_since=promoted_at,
        usd_per_hour=_usd_per_hour(spec, deployment, measurements),
        model_artifact=deployment.container["ModelDataUrl"],
    )
    for row in runs_table.runs_of_spec(run.spec_key):
        if row.run_id != run.run_id and row.batch_model_name is not None:
            runs_table.update(row.run_id, batch_model_name=None)
    schedule_name = schedules.set_rerun(payload.parsed, run, promoted_at)
    return Promoted(endpoint_name=None, expires_at=None, schedule_name=schedule_name)


def _usd_per_hour(spec: Spec, deployment: BatchDeployment, measurements: Measurements) -> float:
    """Averaged over a month of the declared traffic, by the speed that was measured."""
    hourly = deployment.transform_job.usd_per_hour
    rate = _batch(measurements).requests_per_second
    return worked_off_usd_per_month(spec.load, hourly, rate) / HOURS_PER_MONTH


def _register(package_arn: str, deployment: BatchDeployment, measurements: Measurements) -> None:
    """Tell the registry what was measured, and on what the model runs if that has changed."""
    package = deployment.model_package if measurements.moved else None
    registry.add_served(package_arn, batch_properties(_batch(measurements), deployment), package)


def _batch(measurements: Measurements) -> BatchResult:
    last = measurements.last
    assert last is not None, "promoted before it was measured"
    assert last.batch is not None, "an endpoint was measured, not a batch"
    return last.batch
