"""SageMaker's batch transform jobs of a run, and the lines they read and write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Any

from botocore.exceptions import ClientError

from lambdas.aws.bucket import Bucket
from lambdas.aws.clients import client
from lambdas.aws.run_files import MAX_QUESTIONS, RunFiles
from lambdas.aws.sagemaker import IN_PROGRESS
from lambdas.aws.settings import settings
from stratos.contracts.bucket import split_uri
from stratos.contracts.measurements import Measurement
from stratos.contracts.run import RunRef
from stratos.hosting.absence import is_absent, is_over
from stratos.hosting.chat_request import record_request
from stratos.hosting.deployment import BatchDeployment, Deployment
from stratos.hosting.transform_job import TransformJob, billed_seconds
from stratos.measuring.batch_gate import Answer, read_answers
from stratos.moment import now
from stratos.spec import Spec


def put_questions(run: RunRef, spec: Spec) -> None:
    """Write the batch by which a model is measured.

    It has as many requests as an endpoint would get under the declared load, so that a cold start
    weighs as much as in a batch of that size. Held-out questions are repeated where there are
    fewer.
    """
    records = RunFiles(run).questions()
    asked = round(spec.load.requests_per_second * spec.load.measure_seconds)
    count = max(len(records), min(asked, MAX_QUESTIONS))
    lines = (
        json.dumps(record_request(record, spec.name, spec.task.max_reply_tokens))
        for record in islice(cycle(records), count)
    )
    RunFiles(run).put_batch(lines)


def count_questions(job: TransformJob) -> int:
    """How many requests a job was given."""
    bucket, key = Bucket.of(job.transform_input["DataSource"]["S3DataSource"]["S3Uri"])
    return len(bucket.read(key).splitlines())


def answers_of(job: TransformJob) -> list[Answer]:
    """The answers of a job in the order of the questions; none where it failed."""
    name, prefix = split_uri(job.transform_output["S3OutputPath"])
    bucket = Bucket(name)
    answers: list[Answer] = []
    for item in bucket.list(prefix):
        if item.key.endswith(".out"):
            answers += read_answers(bucket.read(item.key))
    return answers


def describe(name: str) -> dict[str, Any] | None:
    """A job as SageMaker describes it, or None where there is none."""
    try:
        described: dict[str, Any] = client("sagemaker").describe_transform_job(
            TransformJobName=name
        )
    except ClientError as error:
        if is_absent(error, held_by_tag=True):
            return None
        raise
    return described


def unmeasured_usd(deployment: Deployment | None, measured: Sequence[Measurement]) -> float:
    """The bill of a deployment's batch that was stopped before MeasureBatch could look at it."""
    if not isinstance(deployment, BatchDeployment):
        return 0.0
    if deployment.name in {item.endpoint_config_name for item in measured}:
        return 0.0
    job = deployment.transform_job
    described = describe(job.name)
    if described is None:
        return 0.0
    return billed_seconds(described, now()) / 3600 * job.usd_per_hour


def stop(name: str) -> None:
    """Ask a job to stop; one that has ended already is left as it is."""
    try:
        client("sagemaker").stop_transform_job(TransformJobName=name)
    except ClientError as error:
        if not (is_absent(error, held_by_tag=True) or is_over(error)):
            raise


def running_of(run_id: str) -> Iterator[str]:
    """Names of a run's jobs that have not ended."""
    pages = client("sagemaker").get_paginator("list_transform_jobs")
    for page in pages.paginate(NameContains=run_id, StatusEquals=IN_PROGRESS):
        for summary in page["TransformJobSummaries"]:
            if summary["TransformJobName"].startswith(settings().names.batches(run_id)):
                yield summary["TransformJobName"]
