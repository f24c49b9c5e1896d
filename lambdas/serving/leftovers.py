"""What a run that failed or was stopped may have left behind, and how it is removed."""

from __future__ import annotations

from dataclasses import dataclass, field

from lambdas.aws import components, runs_table, sagemaker, scaling, transform_jobs
from lambdas.aws.clients import client
from lambdas.aws.run_files import RunFiles
from lambdas.serving import former_model, turns
from stratos.contracts.run import RunRef
from stratos.errors import DeploymentFailed
from stratos.hosting.deployment import AnyEndpoint, BatchDeployment, ComponentDeployment
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


def remove_leftovers(run: RunRef) -> Removed:
    """Stop a run's jobs and remove its endpoint, unless the run was promoted.

    May be repeated, and goes on where an earlier call ran out of time.

    Raises:
        EndpointUnsettled: SageMaker still changes the endpoint; call again.
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
            turns.give_back(run.run_id, deployment.endpoint_name)
        return removed
    made = {m.endpoint_config_name: m.model_name for m in files.measurements().measured}
    made[deployment.name] = deployment.model_name
    if isinstance(deployment, BatchDeployment):
        _remove_batches(run, made, removed)
    else:
        _remove_endpoint(run, deployment, made, removed)
    return removed


def _stop_training(run: RunRef, removed: Removed) -> None:
    for job in sagemaker.jobs_of(run.run_id):
        if job["TrainingJobStatus"] == sagemaker.IN_PROGRESS:
            sagemaker.stop_job(job["TrainingJobName"])
            removed.stopped_jobs.append(job["TrainingJobName"])


def _remove_batches(run: RunRef, made: dict[str, str], removed: Removed) -> None:
    for job_name in transform_jobs.running_of(run.run_id):
        transform_jobs.stop(job_name)
        removed.stopped_jobs.append(job_name)
    removed.deleted += [name for name in made.values() if sagemaker.delete_model(name)]


def _remove_endpoint(
    run: RunRef, deployment: AnyEndpoint, made: dict[str, str], removed: Removed
) -> None:
    """Take the endpoint back, where it is this run's to change, and delete what it was made of."""
    # Without the turn the run has not touched the endpoint, or no longer does: it is another's.
    has_turn = turns.has(run, deployment.endpoint_name)
    if has_turn:
        before = runs_table.live_config(run) or deployment.previous_config_name
        _take_back(deployment, made, before, removed)
    for config_name, model_name in made.items():
        if sagemaker.delete_endpoint_config(config_name):
            removed.deleted.append(config_name)
        if sagemaker.delete_model(model_name):
            removed.deleted.append(model_name)
    if has_turn:
        former_model.put_back(run, deployment.endpoint_name)
        turns.give_back(run.run_id, deployment.endpoint_name)


def _take_back(
    deployment: AnyEndpoint, made: dict[str, str], before: str | None, removed: Removed
) -> None:
    """Give the endpoint the model it had, or delete it where it had none.

    Args:
        made: Endpoint configuration → model, of every server that was tried.
        before: The configuration that the endpoint goes back to; None where it had none.
        removed: Is told what became of the endpoint.
    """
    if deployment.guardrails is not None:  # first, as the wait below may end in an error
        alarms = [alarm["AlarmName"] for alarm in deployment.guardrails.alarms]
        delete_alarms(client("cloudwatch"), alarms)
    deadline = within(PATIENCE_SECONDS)
    if isinstance(deployment, ComponentDeployment):
        removed.deleted, removed.restored = components.undo(deployment, deadline)
        return
    name = deployment.endpoint_name
    endpoint = sagemaker.settled_endpoint(name, deadline)
    if endpoint is not None and endpoint.config_name in made:
        scaling.remove(name)  # a promotion that failed may have set bounds; they hold updates up
        if before is None:
            sagemaker.delete_endpoint(name)
            # The next student will create one of the same name.
            sagemaker.settled_endpoint(name, deadline)
            removed.deleted.append(name)
        else:
            sagemaker.update_endpoint(name, before)
            restored = sagemaker.settled_endpoint(name, deadline)
            if restored is None or restored.config_name != before:
                raise DeploymentFailed(
                    f"endpoint {name} could not go back to {before}; it has "
                    f"{restored.config_name if restored else 'gone'}. Update it by hand"
                )
            removed.restored = name
