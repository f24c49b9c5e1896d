"""AwaitApproval: a person is asked, and the token that answers for them is kept with the run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lambdas.aws import notices, runs_table
from lambdas.step import step
from stratos.pipeline.steps import ApprovalInput, ApprovalRequested


@step
def handler(payload: ApprovalInput) -> ApprovalRequested:
    """Announce the model with what it measured; `stratos approve` sends the answer."""
    run_id = payload.run.run_id
    now = datetime.now(UTC)
    by = (now + timedelta(seconds=payload.timeout_seconds)).isoformat(timespec="seconds")
    runs_table.update(
        run_id,
        task_token=payload.task_token,
        model_package_arn=payload.package_arn,
        awaiting_approval_since=now.isoformat(timespec="seconds"),
        approve_by=by,
    )
    notices.send(
        f"Stratos: run {run_id} awaits approval",
        f"{payload.measured}\n\n"
        f"stratos approve {run_id}\n"
        f'stratos reject {run_id} --reason "…"\n\n'
        f"Nothing is deployed before. Without an answer by {by} the run fails.\n"
        f"registered as {payload.package_arn}",
    )
    return ApprovalRequested(approve_by=by)
