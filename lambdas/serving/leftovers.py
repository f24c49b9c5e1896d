"""What a run that failed or was stopped may have left behind, and how it is removed."""

from __future__ import annotations

from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws import components, runs_table, sagemaker, scaling, transform_jobs
from lambdas.aws.bucket import Bucket
from lambdas.aws.clients import client
from lambdas.aws.elsewhere_files import ElsewhereFiles
from lambdas.aws.run_files import RunFiles
from lambdas.aws.settings import settings
from lambdas.regions.machines import WorkerMachine
from lambdas.serving import former_model, staged_leftovers, turns
from lambdas.step import logger
from stratos.contracts.run import RunRef, RunRow
from stratos.errors import DeploymentFailed, EndpointUnsettled
from stratos.hosting.deployment import (
    AnyEndpoint,
    BatchDeployment,
    ComponentDeployment,
    EndpointDeployment,
)
from stratos.hosting.scaling import delete_alarms
from stratos.waiting import within

PATIENCE_SECONDS = 780
"""For all waits of one call together; the function has 900 in all."""


@dataclass
class Removed:
    """What became of a run's leftovers, by name."""

    stopped_jobs: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    restored: str | None = None
    """The endpoint that went back to its former model."""


def remove_leftovers(run: RunRef, *, goes_on: bool = False) -> Removed:
    """Stop a run's jobs and remove its endpoint, unless the run was promoted.

    May be repeated, and goes on where an earlier call ran out of time.

    Args:
        goes_on: Another of the run's models may be deployed next.

    Raises:
        EndpointUnsettled: SageMaker still changes the endpoint, or the run goes on and a region
            that has one does not answer; call again.
        DeploymentFailed: the endpoint cannot go back to the model it had.
    """
    removed = Removed()
    _stop_training(run, removed)
    files, row = RunFiles(run), runs_table.find(run.run_id)
    deployment = files.find_deployment()
    if deployment is None:
        return removed
    if row is not None and row.in_charge:
        if not isinstance(deployment, BatchDeployment):
            turns.give_back(run.run_id, _turn_at(deployment, row))
        return removed
    if isinstance(deployment, EndpointDeployment) and deployment.served_in:
        staged_leftovers.remove(run, removed.stopped_jobs, removed.deleted, goes_on=goes_on)
        if row is not None:
            turns.give_back(run.run_id, _turn_at(deployment, row))
        return removed
    made: dict[str, tuple[str, ...]] = {
        m.endpoint_config_name: (m.model_name, *m.more_model_names)
        for m in files.measurements().measured
    }
    made[deployment.name] = deployment.model_names
    if isinstance(deployment, BatchDeployment):
        _remove_batches(run, made, removed)
    else:
        _remove_endpoint(run, deployment, made, removed)
    return removed


def _turn_at(deployment: AnyEndpoint, row: RunRow) -> str:
    """The endpoint by which a run's turn is known: the spec's, also where it makes its own."""
    if isinstance(deployment, EndpointDeployment) and deployment.served_in:
        return settings().names.endpoint(row.shown_spec_name)
    return deployment.endpoint_name


def _stop_training(run: RunRef, removed: Removed) -> None:
    for job in sagemaker.jobs_of(run.run_id):
        if job["TrainingJobStatus"] == sagemaker.IN_PROGRESS:
            sagemaker.stop_job(job["TrainingJobName"])
            removed.stopped_jobs.append(job["TrainingJobName"])
    _stop_elsewhere(run, removed)


def _stop_elsewhere(run: RunRef, removed: Removed) -> None:
    """End the run's jobs in other regions.

    A region that does not answer, or lets nobody in any more, is not asked again, nor is anything
    else left behind for it: its jobs find that nobody waits, and its sweeper that the run is over.
    """
    unreached: set[str] = set()
    for job in ElsewhereFiles(Bucket(run.bucket), run.run_id).jobs():
        if job.over or job.region in unreached:
            continue
        try:
            stopped = WorkerMachine(job.region).stop(job.name, f"run {run.run_id} is over")
            sagemaker.stop_job(job.name, job.region)
        except (BotoCoreError, ClientError) as error:
            logger.warning("not reached", extra={"region": job.region, "reason": str(error)})
            unreached.add(job.region)
            continue
        if stopped:
            removed.stopped_jobs.append(job.name)


def _remove_batches(run: RunRef, made: dict[str, tuple[str, ...]], removed: Removed) -> None:
    for job_name in transform_jobs.running_of(run.run_id):
        transform_jobs.stop(job_name)
        removed.stopped_jobs.append(job_name)
    for names in made.values():
        removed.deleted += [name for name in names if sagemaker.delete_model(name)]


def _remove_endpoint(
    run: RunRef, deployment: AnyEndpoint, made: dict[str, tuple[str, ...]], removed: Removed
) -> None:
    """Take the endpoint back, where it is this run's to change, and delete what it was made of."""
    # Without the turn the run has not touched the endpoint, or no longer does: it is another's.
    has_turn = turns.has(run, deployment.endpoint_name)
    if has_turn:
        former = runs_table.live_at_endpoint(run, deployment.endpoint_name)
        _take_back(deployment, made, former, removed)
    for config_name, model_names in made.items():
        if sagemaker.delete_endpoint_config(config_name):
            removed.deleted.append(config_name)
        removed.deleted += [name for name in model_names if sagemaker.delete_model(name)]
    if has_turn:
        former_model.put_back(run, deployment.endpoint_name)
        turns.give_back(run.run_id, deployment.endpoint_name)


def _take_back(
    deployment: AnyEndpoint,
    made: dict[str, tuple[str, ...]],
    former: RunRow | None,
    removed: Removed,
) -> None:
    """Give the endpoint the model it had, or delete it where it had none.

    Args:
        made: Endpoint configuration → models, of every server that was tried.
        former: The run whose model the endpoint had; None where no run claims it.
        removed: Is told what became of the endpoint.
    """
    if deployment.guardrails is not None:  # first, as the wait below may end in an error
        alarms = [alarm["AlarmName"] for alarm in deployment.guardrails.alarms]
        delete_alarms(client("cloudwatch"), alarms)
    deadline = within(PATIENCE_SECONDS)
    if isinstance(deployment, ComponentDeployment):
        removed.deleted, removed.restored = components.undo(deployment, deadline)
        return
    before = former.endpoint_config_name if former else deployment.previous_config_name
    endpoint = sagemaker.settled_endpoint(deployment.endpoint_name, deadline)
    if endpoint is None:
        # An earlier call may have ended between the deletion of a failed one and its creation.
        if former is not None:
            _make_anew(former, removed, deadline)
        return
    ours = endpoint.config_name in made
    if endpoint.failed and (ours or endpoint.config_name == before):
        _delete(endpoint.name, deadline)
        if former is None:
            removed.deleted.append(endpoint.name)
        elif not _make_anew(former, removed, deadline):
            raise DeploymentFailed(
                f"endpoint {endpoint.name} failed and could not be made again: its configuration "
                f"{before} is gone. Submit the spec again"
            )
    elif ours and before is None:
        _delete(endpoint.name, deadline)
        removed.deleted.append(endpoint.name)
    elif ours and before is not None:
        scaling.remove(endpoint.name)
        sagemaker.update_endpoint(endpoint.name, before)
        _await_former(endpoint.name, before, removed, deadline)


def _delete(name: str, deadline: float) -> None:
    """Delete an endpoint, and wait until its name is free for the next one."""
    scaling.remove(name)  # a promotion that failed may have set bounds; they hold updates up
    sagemaker.delete_endpoint(name)
    sagemaker.settled_endpoint(name, deadline)


def _make_anew(former: RunRow, removed: Removed, deadline: float) -> bool:
    """Make the endpoint of a run's model again, as it was; its scaling and end follow.

    Two calls may do so at once: the later finds the endpoint of the earlier.

    Returns:
        Whether there is still what it is made of.
    """
    name, before = former.endpoint_name, former.endpoint_config_name
    assert name is not None, "the run is not live at an endpoint"
    in_variant = isinstance(RunFiles(former.ref).find_deployment(), EndpointDeployment)
    if before is None or not in_variant:  # a component is not made again with its endpoint
        return False
    if not sagemaker.create_endpoint(name, before, former_model.tags(former)):
        return False
    _await_former(name, before, removed, deadline)
    return True


def _await_former(name: str, before: str, removed: Removed, deadline: float) -> None:
    """Wait until an endpoint has its former model again.

    Raises:
        EndpointUnsettled: it is not there in time, or another call has deleted it.
        DeploymentFailed: SageMaker could not put it back.
    """
    restored = sagemaker.settled_endpoint(name, deadline)
    if restored is None:
        raise EndpointUnsettled(
            f"endpoint {name} is gone, and should have {before} again; the next call makes it"
        )
    if restored.failed or restored.config_name != before:
        raise DeploymentFailed(
            f"endpoint {name} could not go back to {before}; it is {restored.status} with "
            f"{restored.config_name}. Update it by hand"
        )
    removed.restored = name
