"""Report: how the run ended, written down and announced."""

from __future__ import annotations

from lambdas.aws.run_files import RunFiles
from lambdas.end_of_run import close_run
from lambdas.step import step
from stratos.pipeline.steps import Reported, ReportInput


@step
def handler(payload: ReportInput) -> Reported:
    """Write the report of a run; a duplicate has none of its own."""
    run = payload.run
    if payload.status == "duplicate":
        files = RunFiles(run)
        return Reported(
            summary_uri=files.summary_uri, report_uri=files.report_uri, status="duplicate"
        )
    return close_run(run, payload.status, payload.state)
