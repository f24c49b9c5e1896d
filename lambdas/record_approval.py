"""RecordApproval: who approved the model and why, and the deployment as it has to be by now."""

from __future__ import annotations

from datetime import UTC, datetime

from lambdas import registry, runs_table
from lambdas.deployments import deployment_of
from lambdas.handler import step
from lambdas.sagemaker import find_endpoint
from lambdas.storage import Bucket
from stratos.artifacts import RunKeys
from stratos.match_evidence import MatchEvidence
from stratos.spec import Spec
from stratos.steps import ApprovalGiven, ApprovalRecord, Deployment


@step
def handler(payload: ApprovalRecord) -> Deployment:
    """Record the approval; while it was waited for, the endpoint may have come or gone."""
    run, now = payload.run, datetime.now(UTC)
    bucket, keys = Bucket(run.bucket), RunKeys(run.run_id)
    row, before = runs_table.find(run.run_id), bucket.find_model(keys.approval, ApprovalGiven)
    waited = before.waited_hours if before else 0.0
    if row is not None and row.awaiting_approval_since is not None:
        asked = datetime.fromisoformat(row.awaiting_approval_since)
        waited += (now - asked).total_seconds() / 3600
    given = ApprovalGiven(**payload.approval.model_dump(), waited_hours=waited)
    bucket.put_model(keys.approval, given)
    registry.decide(payload.package_arn, "Approved", given.described())
    runs_table.update(run.run_id, **runs_table.NOTHING_AWAITED)
    live = find_endpoint(payload.deployment.endpoint_name)
    deployment = deployment_of(
        run,
        bucket.read_model(keys.spec, Spec),
        bucket.read_model(keys.match, MatchEvidence),
        payload.deployment.container["ModelDataUrl"],
        live_config=live.config_name if live else None,
        live_mode=live.mode if live else None,
    )
    bucket.put_model(keys.deployment, deployment)
    return deployment
