"""Jobs of a worker region that nobody looks after, here or at home."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws import executions, sagemaker
from lambdas.aws.clients import client, is_unreachable
from lambdas.aws.worker_settings import worker_settings
from lambdas.step import logger
from stratos.hosting.ownership import HOME_TAG, RUN_TAG, STACK_TAG, Orphan
from stratos.pipeline.worker_jobs import WorkerJob


def orphans() -> tuple[list[Orphan], dict[str, str]]:
    """Running jobs without an owner, and home's region if it could not be asked for theirs."""
    found: list[Orphan] = []
    silent: dict[str, str] = {}
    for job_name in _running_jobs():
        given = executions.running_input(_execution_arn(job_name))
        if given is None:
            found.append(_orphan(job_name, "the execution that looks after it is over"))
            continue
        worker = WorkerJob.model_validate_json(given)
        try:
            if not executions.is_running(worker.run.execution_arn, worker.home.region):
                found.append(_orphan(job_name, f"run {worker.run.run_id} is over at home"))
        except (BotoCoreError, ClientError) as error:
            if not is_unreachable(error):
                raise
            logger.warning("not reached", extra={"region": worker.home.region})
            silent[worker.home.region] = str(error)
    return found, silent


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
