"""The model that was in service before a run changed the endpoint, and is in service again.

While a run has the turn at the endpoint, nothing scales it and it does not expire. A run that takes
its own model back puts both back as they were.
"""

from __future__ import annotations

from datetime import timedelta

from lambdas.aws import components, runs_table, sagemaker, scaling, schedules
from lambdas.aws.run_files import RunFiles
from lambdas.aws.settings import settings
from stratos.contracts.run import RunRef, RunRow
from stratos.hosting.deployment import BatchDeployment
from stratos.hosting.ownership import tags_of
from stratos.hosting.scaling import Scaling
from stratos.moment import now, to_the_second

NOTICE = timedelta(minutes=5)
"""What an endpoint has left that should have expired while a run had the turn at it."""


def put_back(run: RunRef, endpoint_name: str) -> None:
    """Set scaling and expiry of the run whose model is in service again; may be repeated.

    Args:
        run: The run of the same spec that has the turn.
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
            # Its end comes first: without one the endpoint would be billed for ever.
            due = _expire(owner, endpoint, scaled)
            # One that was made anew meanwhile has the tags of whoever made it.
            sagemaker.tag_endpoint(endpoint_name, tags(due))
            if live is not None and _scalable(endpoint):
                scaling.apply(endpoint_name, scaled)
            return


def tags(owner: RunRow) -> list[dict[str, str]]:
    """Of the endpoint while the run's model is in service there."""
    return tags_of(settings().stack_name, owner.run_id, owner.shown_spec_name, owner.expires_at)


def _scalable(endpoint: sagemaker.Endpoint) -> bool:
    """Whether there is something to scale: an endpoint may have lost its component."""
    return not endpoint.in_component or components.live(endpoint.name) is not None


def _expire(owner: RunRow, endpoint: sagemaker.Endpoint, scaled: Scaling | None) -> RunRow:
    """Schedule the endpoint's end as it was, or soon where that is past; the table follows.

    Returns:
        The run, with the end of its endpoint.
    """
    if owner.expires_at is None:
        return owner
    due, soonest = owner.expires_at, to_the_second(now() + NOTICE)
    if due < soonest:
        due = soonest
        runs_table.update(owner.run_id, expires_at=due)
    if endpoint.in_component:
        schedules.schedule_sweep(endpoint.name, due)
    else:
        schedules.schedule_deletion(endpoint.name, due, scaled)
    return owner.model_copy(update={"expires_at": due})
