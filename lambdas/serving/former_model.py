"""The model that was in service before a run changed the endpoint, and is again.

While a run has the turn at the endpoint, nothing scales it and its time does not end. A run that
takes its own model back puts both back as they were.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lambdas.aws import components, runs_table, sagemaker, scaling, schedules
from lambdas.aws.bucket import Bucket
from stratos.contracts.bucket import RunKeys
from stratos.contracts.run import RunRef
from stratos.hosting.ownership import EXPIRES_TAG
from stratos.hosting.scaling import Scaling
from stratos.pipeline.steps import Deployment

NOTICE = timedelta(minutes=5)
"""Left to an endpoint whose time was over while a run had the turn at it."""


def put_back(run: RunRef, endpoint_name: str) -> None:
    """Set bounds and expiry of the run whose model is in service; may be repeated.

    Args:
        run: The one that has the turn, of the same spec.
    """
    endpoint = sagemaker.find_endpoint(endpoint_name)
    if endpoint is None:
        return
    for owner in runs_table.runs_of_spec(run.spec_key):
        # A component's endpoint keeps the configuration that it was made with.
        serves = (
            owner.endpoint_config_name == endpoint.config_name or endpoint.mode == "scale_to_zero"
        )
        if owner.endpoint_name == endpoint_name and serves:
            live = Bucket(owner.bucket).find_model(RunKeys(owner.run_id).deployment, Deployment)
            # Its end first: without it the endpoint is billed for ever.
            _expire(owner, endpoint, live.scaling if live else None)
            if live is not None and _scalable(endpoint):
                scaling.apply(endpoint_name, live.scaling)
            return


def _scalable(endpoint: sagemaker.Endpoint) -> bool:
    """Whether there is what is scaled; the component may be gone though its endpoint is there."""
    return endpoint.mode != "scale_to_zero" or components.live(endpoint.name) is not None


def _expire(owner: runs_table.RunRow, endpoint: sagemaker.Endpoint, scaled: Scaling | None) -> None:
    """Let the endpoint's time end when it was to, or soon; the table and the tag say the same."""
    if owner.expires_at is None:
        return
    due = datetime.fromisoformat(owner.expires_at)
    soonest = datetime.now(UTC) + NOTICE
    if due < soonest:
        due = soonest
        expires_at = due.isoformat(timespec="seconds")
        runs_table.update(owner.run_id, expires_at=expires_at)
        sagemaker.tag_endpoint(endpoint.name, [{"Key": EXPIRES_TAG, "Value": expires_at}])
    if endpoint.mode == "scale_to_zero":
        schedules.schedule_sweep(endpoint.name, due)
    else:
        schedules.schedule_deletion(endpoint.name, due, scaled)
