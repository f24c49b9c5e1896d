"""FetchInputs: in a worker region, what a job reads is copied from home."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.aws.clients import is_unreachable
from lambdas.regions.inputs import fetch_inputs
from lambdas.regions.records_at_home import keep_end
from lambdas.step import step
from stratos.errors import HomeUnreachable, NoLongerAwaited
from stratos.pipeline.worker_jobs import WorkerJob


@step
def handler(payload: WorkerJob) -> WorkerJob:
    """Copy the inputs, and return the job as it is for this region.

    Raises:
        CopyUnfinished: call again with the same input.
        NoLongerAwaited: home has stopped waiting for the job.
        HomeUnreachable: home does not answer.
    """
    try:
        try:
            return fetch_inputs(payload)
        except NoLongerAwaited:
            keep_end(payload, None)  # the job is never created
            raise
    except (BotoCoreError, ClientError) as error:
        if is_unreachable(error):
            raise HomeUnreachable(f"{payload.home.region} does not answer: {error}") from error
        raise
