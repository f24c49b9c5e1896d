"""ClaimRun: the event's run, claimed once however often the event is delivered."""

from __future__ import annotations

from lambdas.aws import runs_table
from lambdas.aws.bucket import Bucket
from lambdas.step import step
from stratos.contracts.bucket import run_id_of
from stratos.contracts.run import RunRef
from stratos.errors import SpecRejected
from stratos.pipeline.run_event import read_event
from stratos.pipeline.steps import ClaimInput
from stratos.problems import Problem


@step
def handler(payload: ClaimInput) -> RunRef:
    """Claim the run of an upload or of a scheduled rerun."""
    found = read_event(payload.event)
    version = found.version_id or _newest(found.bucket, found.key)
    run = RunRef(
        run_id=run_id_of(found.bucket, found.key, version, found.scheduled_at),
        bucket=found.bucket,
        spec_key=found.key,
        spec_version_id=version,
        execution_arn=payload.execution_arn,
        started_at=payload.started_at,
        rerun=found.rerun,
    )
    runs_table.claim(run)
    return run


def _newest(bucket: str, key: str) -> str:
    try:
        return Bucket(bucket).newest_version(key)
    except FileNotFoundError as error:
        problem = f"{error}; upload it, or delete the schedule that runs it"
        raise SpecRejected([Problem(path="", line=None, message=problem)]) from error
