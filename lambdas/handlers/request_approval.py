"""AwaitApproval: a person is asked, and the token for the answer is kept with the run."""

from __future__ import annotations

from datetime import timedelta

from lambdas.aws import notices, runs_table
from lambdas.step import step
from stratos.moment import now, to_the_second, written
from stratos.pipeline.approvals import ApprovalInput, ApprovalRequested


@step
def handler(payload: ApprovalInput) -> ApprovalRequested:
    """Announce the model with what it measured; `stratos approve` sends the answer."""
    run_id = payload.run.run_id
    asked_at = to_the_second(now())
    by = asked_at + timedelta(seconds=payload.timeout_seconds)
    runs_table.update(
        run_id,
        task_token=payload.task_token,
        model_package_arn=payload.package_arn,
        awaiting_approval_since=asked_at,
        approve_by=by,
    )
    notices.send(
        f"Stratos: run {run_id} awaits approval",
        f"{payload.measured}\n\n"
        f"stratos approve {run_id}\n"
        f'stratos reject {run_id} --reason "…"\n\n'
        f"Nothing is deployed before that. Without an answer by {written(by)} the run fails.\n"
        f"registered as {payload.package_arn}",
    )
    return ApprovalRequested(approve_by=by)
