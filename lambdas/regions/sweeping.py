"""Jobs of a worker region that nobody looks after, here or at home."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from lambdas.aws import executions, sagemaker
from lambdas.aws.clients import client, is_unreachable
from lambdas.aws.worker_settings import worker_settings
from lambdas.step import logger
from stratos.hosting.ownership import HOME_TAG, RUN_TAG, STACK_TAG, Orphan
from stratos.pipeline.worker_jobs import WorkerJob


@dataclass
class Jobs:
    """What was found.

    Attributes:
        silent: Home's region → why it could not be asked.
        in_doubt: Jobs of which it could not be learned whether anybody waits, and why, though home
            can be reached.
    """

    orphans: list[Orphan] = field(default_factory=list)
    silent: dict[str, str] = field(default_factory=dict)
    in_doubt: dict[str, str] = field(default_factory=dict)


def look_at_jobs() -> Jobs:
    """Look at every job that runs here for another region. What nobody waits for is an orphan."""
    found = Jobs()
    for job_name in _running_jobs():
        given = executions.running_input(_execution_arn(job_name))
        if given is None:
            reason = "the execution that looks after it is over"
            found.orphans.append(_orphan(job_name, reason))
            continue
        try:
            _ask_home(found, job_name, WorkerJob.model_validate_json(given))
        except ValidationError as error:
            found.in_doubt[job_name] = str(error)
    return found


def _ask_home(found: Jobs, job_name: str, worker: WorkerJob) -> None:
    home = worker.home.region
    try:
        if not executions.is_running(worker.run.execution_arn, home):
            found.orphans.append(_orphan(job_name, f"run {worker.run.run_id} is over at home"))
    except (BotoCoreError, ClientError) as error:
        logger.warning("not told", extra={"region": home, "reason": str(error)})
        found.silent[home] = str(error)
        if not is_unreachable(error):
            found.in_doubt[job_name] = str(error)


def _orphan(job_name: str, reason: str) -> Orphan:
    return Orphan(kind="training-job", name=job_name, reason=reason)


def _execution_arn(job_name: str) -> str:
    machine = worker_settings().state_machine_arn.split(":")
    return ":".join([*machine[:5], "execution", machine[6], job_name])


def _running_jobs() -> Iterator[str]:
    """Names of jobs that runs of this stack have here, from another region."""
    pages = client("sagemaker").get_paginator("list_training_jobs")
    for page in pages.paginate(StatusEquals=sagemaker.IN_PROGRESS):
        for job in page["TrainingJobSummaries"]:
            tags = _tags(job["TrainingJobArn"])
            handed_over = RUN_TAG in tags and HOME_TAG in tags
            if handed_over and tags.get(STACK_TAG) == worker_settings().stack_name:
                yield str(job["TrainingJobName"])


def _tags(arn: str) -> dict[str, Any]:
    pages = client("sagemaker").get_paginator("list_tags").paginate(ResourceArn=arn)
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
