"""What a run that failed or was stopped may have left behind, and its removal."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from lambdas import runs_table, sagemaker
from lambdas.aws import client
from lambdas.storage import Bucket
from stratos.artifacts import RunKeys
from stratos.errors import DeploymentFailed
from stratos.scaling import delete_alarms
from stratos.steps import Deployment, RunRef

PATIENCE_SECONDS = 600
PAUSE_SECONDS = 2
_CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


@dataclass
class Removed:
    """Names of what was deleted, and the endpoint that went back to its former model."""

    deleted: list[str] = field(default_factory=list)
    restored: str | None = None


def remove_leftovers(run: RunRef) -> tuple[list[str], Removed]:
    """Stop a run's jobs and remove its endpoint, unless the run was promoted. May be repeated."""
    stopped = []
    for job in sagemaker.jobs_of(run.run_id):
        if job["TrainingJobStatus"] == sagemaker.IN_PROGRESS:
            sagemaker.stop_job(job["TrainingJobName"])
            stopped.append(job["TrainingJobName"])
    row = runs_table.find(run.run_id)
    deployment = Bucket(run.bucket).find_model(RunKeys(run.run_id).deployment, Deployment)
    if deployment is None or (row is not None and row.endpoint_name is not None):
        return stopped, Removed()
    return stopped, _undo(deployment)


def _undo(deployment: Deployment) -> Removed:
    """Take back what the SDK states did for a deployment, as far as they came."""
    removed = Removed()
    name, before = deployment.endpoint_name, deployment.previous_config_name
    endpoint = _settled(name)
    if endpoint is not None and endpoint.config_name == deployment.endpoint_config_name:
        if before is None:
            sagemaker.delete_endpoint(name)
            removed.deleted.append(name)
        else:
            sagemaker.update_endpoint(name, before)
            removed.restored = name
            _settled(name)
    if deployment.guardrails is not None:
        alarms = [alarm["AlarmName"] for alarm in deployment.guardrails.alarms]
        delete_alarms(client("cloudwatch"), alarms)
    if sagemaker.delete_endpoint_config(deployment.endpoint_config_name):
        removed.deleted.append(deployment.endpoint_config_name)
    if sagemaker.delete_model(deployment.model_name):
        removed.deleted.append(deployment.model_name)
    return removed


def _settled(name: str) -> sagemaker.Endpoint | None:
    """The endpoint once no change of it is under way: SageMaker refuses another until then.

    Raises:
        DeploymentFailed: when it does not settle in time.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        endpoint = sagemaker.find_endpoint(name)
        if endpoint is None or endpoint.status not in _CHANGING:
            return endpoint
        if time.monotonic() > deadline:
            raise DeploymentFailed(
                f"endpoint {name} is still {endpoint.status} after {PATIENCE_SECONDS} s and could "
                "not be rolled back; delete it by hand, it is billed"
            )
        time.sleep(PAUSE_SECONDS)
