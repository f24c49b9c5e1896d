"""RecordApproval: who approved the model, why, and how long that took."""

from __future__ import annotations

from lambdas.aws import registry, runs_table
from lambdas.aws.run_files import RunFiles
from lambdas.step import step
from stratos.moment import now
from stratos.pipeline.approvals import ApprovalGiven, ApprovalRecord


@step
def handler(payload: ApprovalRecord) -> ApprovalGiven:
    """Record the approval, once for each model, however often this is called."""
    run, files = payload.run, RunFiles(payload.run)
    row, before = runs_table.find(run.run_id), files.find_approval()
    waited = before.waited_hours if before else 0.0
    recorded = before is not None and before.package_arn == payload.package_arn
    if row is not None and row.awaiting_approval_since is not None and not recorded:
        waited += (now() - row.awaiting_approval_since).total_seconds() / 3600
    given = ApprovalGiven(
        **payload.approval.model_dump(), package_arn=payload.package_arn, waited_hours=waited
    )
    files.put_approval(given)
    registry.decide(payload.package_arn, "Approved", given.described())
    runs_table.update(run.run_id, **runs_table.NOTHING_AWAITED)
    return given
