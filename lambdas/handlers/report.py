"""Report: how the run ended, written down and announced."""

from __future__ import annotations

from lambdas.end_of_run import close_run
from lambdas.step import step
from stratos.contracts.bucket import RunKeys, s3_uri
from stratos.pipeline.steps import Reported, ReportInput


@step
def handler(payload: ReportInput) -> Reported:
    """Write the report of a run; a duplicate has none of its own."""
    run = payload.run
    if payload.status == "duplicate":
        keys = RunKeys(run.run_id)
        return Reported(
            summary_uri=s3_uri(run.bucket, keys.summary),
            report_uri=s3_uri(run.bucket, keys.report),
            status="duplicate",
        )
    return close_run(run, payload.status, payload.state)
