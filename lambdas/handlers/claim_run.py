"""ClaimRun: the event's run, claimed once however often the event is delivered."""

from __future__ import annotations

from typing import Any

from lambdas.aws import runs_table
from lambdas.aws.bucket import Bucket
from lambdas.step import step
from stratos.contracts.bucket import run_id_of
from stratos.contracts.run import RunRef
from stratos.errors import SpecRejected
from stratos.pipeline.steps import ClaimInput
from stratos.problems import Problem


@step
def handler(payload: ClaimInput) -> RunRef:
    """Claim the run of an upload or of a scheduled rerun."""
    rerun = payload.event.get("rerun")
    if rerun is not None:
        bucket, key = str(rerun["bucket"]), str(rerun["key"])
        version, scheduled_at = _newest(bucket, key), str(payload.event.get("scheduled_at", ""))
    else:
        bucket, key, version = _uploaded(payload.event)
        scheduled_at = ""
    run = RunRef(
        run_id=run_id_of(bucket, key, version, scheduled_at),
        bucket=bucket,
        spec_key=key,
        spec_version_id=version,
        execution_arn=payload.execution_arn,
        started_at=payload.started_at,
        rerun=rerun is not None,
    )
    runs_table.claim(run)
    return run


def _uploaded(event: dict[str, Any]) -> tuple[str, str, str]:
    """Bucket, key and version of an `Object Created` event; EventBridge does not encode keys."""
    try:
        detail = event["detail"]
        uploaded = detail["object"]
        bucket, key = str(detail["bucket"]["name"]), str(uploaded["key"])
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"the input is neither an `Object Created` event nor a rerun: {error} is missing. "
            'Start with {"rerun": {"bucket": …, "key": …}} to run a spec by hand'
        ) from error
    return bucket, key, str(uploaded.get("version-id") or _newest(bucket, key))


def _newest(bucket: str, key: str) -> str:
    try:
        return Bucket(bucket).newest_version(key)
    except FileNotFoundError as error:
        problem = f"{error}; upload it, or delete the schedule that runs it"
        raise SpecRejected([Problem(path="", line=None, message=problem)]) from error
