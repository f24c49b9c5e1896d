"""The model that was in service before a run changed the endpoint, and is again.

While a run has the turn at the endpoint, nothing scales it and its time does not end. A run that
takes its own model back puts both back as they were.
"""

from __future__ import annotations

from datetime import timedelta

from lambdas.aws import components, runs_table, sagemaker, scaling, schedules
from lambdas.aws.run_files import RunFiles
from stratos.contracts.run import RunRef, RunRow
from stratos.hosting.deployment import BatchDeployment
from stratos.hosting.ownership import EXPIRES_TAG
from stratos.hosting.scaling import Scaling
from stratos.moment import now, to_the_second, written

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
        serves = owner.endpoint_config_name == endpoint.config_name or endpoint.in_component
        if owner.endpoint_name == endpoint_name and serves:
            live = RunFiles(owner.ref).find_deployment()
            scaled = None if live is None or isinstance(live, BatchDeployment) else live.scaling
            # Its end first: without it the endpoint is billed for ever.
            _expire(owner, endpoint, scaled)
            if live is not None and _scalable(endpoint):
                scaling.apply(endpoint_name, scaled)
            return


def _scalable(endpoint: sagemaker.Endpoint) -> bool:
    """Whether there is what is scaled; the component may be gone though its endpoint is there."""
    return not endpoint.in_component or components.live(endpoint.name) is not None


def _expire(owner: RunRow, endpoint: sagemaker.Endpoint, scaled: Scaling | None) -> None:
    """Let the endpoint's time end when it was to, or soon; the table and the tag say the same."""
    if owner.expires_at is None:
        return
    due, soonest = owner.expires_at, to_the_second(now() + NOTICE)
    if due < soonest:
        due = soonest
        runs_table.update(owner.run_id, expires_at=due)
        sagemaker.tag_endpoint(endpoint.name, [{"Key": EXPIRES_TAG, "Value": written(due)}])
    if endpoint.in_component:
        schedules.schedule_sweep(endpoint.name, due)
    else:
        schedules.schedule_deletion(endpoint.name, due, scaled)
