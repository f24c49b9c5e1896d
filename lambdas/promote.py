"""Promote: the endpoint is the spec's own from now on, until its time is over."""

from __future__ import annotations

from datetime import UTC, datetime

from lambdas import runs_table, scaling, schedules
from lambdas.handler import step
from lambdas.storage import Bucket
from stratos.artifacts import RunKeys
from stratos.deployment import expiry
from stratos.spec import Spec
from stratos.steps import Promoted, PromoteInput


@step
def handler(payload: PromoteInput) -> Promoted:
    """Record the run as the live one, and make or remove its schedules."""
    run, deployment = payload.run, payload.deployment
    spec = Bucket(run.bucket).read_model(RunKeys(run.run_id).spec, Spec)
    now = datetime.now(UTC)
    expires = expiry(spec.hosting, now)
    expires_at = expires.isoformat(timespec="seconds") if expires else None
    runs_table.update(
        run.run_id,
        endpoint_name=deployment.endpoint_name,
        endpoint_config_name=deployment.endpoint_config_name,
        expires_at=expires_at,
        usd_per_hour=deployment.usd_per_hour,
        model_artifact=deployment.container["ModelDataUrl"],
    )
    for row in runs_table.runs_of_spec(run.spec_key):
        if row.run_id != run.run_id and row.endpoint_name == deployment.endpoint_name:
            runs_table.update(row.run_id, endpoint_name=None, expires_at=None)
    if expires is None:
        schedules.cancel_deletion(deployment.endpoint_name)
    else:
        schedules.schedule_deletion(deployment.endpoint_name, expires, deployment.scaling)
    scaling.apply(deployment.endpoint_name, deployment.scaling)
    schedule_name = None
    if payload.parsed.schedule is None:
        schedules.delete_schedule(schedules.rerun_schedule_name(spec.name))
    else:
        schedule_name = schedules.schedule_rerun(
            spec.name, payload.parsed.schedule, run.bucket, run.spec_key, now
        )
    return Promoted(
        endpoint_name=deployment.endpoint_name, expires_at=expires_at, schedule_name=schedule_name
    )
