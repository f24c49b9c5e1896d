"""What Diagnose makes of a job that failed."""

from __future__ import annotations

import json
from typing import Any

from lambdas.handlers import diagnose_job
from tests.unit.lambdas.pipeline import Pipeline, call


def diagnose(pipeline: Pipeline, job: dict[str, Any], reason: str, **described: Any) -> Any:
    """Diagnose a job that failed with a reason, as its `.sync` task reports it."""
    cause = {
        "TrainingJobName": job["name"],
        "TrainingJobStatus": "Failed",
        "FailureReason": reason,
    } | described
    failure = {"Error": "States.TaskFailed", "Cause": json.dumps(cause)}
    return call(diagnose_job.handler, run=pipeline.run, job=job, failure=failure)
