"""CheckQuality: the held-out gate, and what to deploy when it is passed."""

from __future__ import annotations

from datetime import UTC, datetime

from lambdas.handler import step
from lambdas.planning_inputs import hours_since
from lambdas.sagemaker import find_endpoint
from lambdas.spending import job_costs
from lambdas.storage import Bucket
from stratos.artifacts import RunKeys
from stratos.deployment import build_deployment, endpoint_name
from stratos.gates import judge_quality
from stratos.jobs import EvaluateResult
from stratos.match_evidence import MatchEvidence
from stratos.spec import Spec
from stratos.steps import Deployment, Quality, QualityInput, RunRef

MAX_STUDENTS = 3


@step
def handler(payload: QualityInput) -> Quality:
    """Pass the student on to deployment, or on to the next one while the budget lasts."""
    run, match = payload.run, payload.match
    bucket, keys = Bucket(run.bucket), RunKeys(run.run_id)
    spec, evidence = (
        bucket.read_model(keys.spec, Spec),
        bucket.read_model(keys.match, MatchEvidence),
    )
    result = bucket.read_model(keys.job_result(match.evaluate.step), EvaluateResult)
    verdict = judge_quality(result, spec.constraints)
    if not verdict.passed:
        obstacle = _obstacle(run, spec, evidence)
        ending = f"; next: {evidence.students_left()[0]}" if obstacle is None else f"; {obstacle}"
        following = evidence.attempt + 1 if obstacle is None else None
        return Quality(
            passed=False, next_attempt=following, reason=verdict.reason + ending, deployment=None
        )
    deployment = _deployment(payload, spec, evidence, result)
    bucket.put_model(keys.deployment, deployment)
    reason = f"{verdict.reason}; {deployment.hosting.reason}"
    return Quality(passed=True, next_attempt=None, reason=reason, deployment=deployment)


def _deployment(
    payload: QualityInput, spec: Spec, evidence: MatchEvidence, result: EvaluateResult
) -> Deployment:
    live = find_endpoint(endpoint_name(spec.name))
    artifacts, key = Bucket.of(payload.model_artifact)
    return build_deployment(
        payload.run,
        spec,
        evidence,
        result,
        payload.model_artifact,
        artifact_bytes=next((item.size for item in artifacts.list(key)), 0),
        metrics_uri=payload.match.evaluate.result_uri,
        live_config=live.config_name if live else None,
        live_mode=live.mode if live else None,
        now=datetime.now(UTC),
    )


def _obstacle(run: RunRef, spec: Spec, evidence: MatchEvidence) -> str | None:
    """Why no other student is tried, or None where one is."""
    if not evidence.students_left():
        return "no other student is left to try; name more, or ask for less accuracy"
    if evidence.attempt + 1 >= MAX_STUDENTS:
        return f"{MAX_STUDENTS} students were tried"
    limits = spec.constraints
    spent, hours = sum(cost.usd for cost in job_costs(run)), hours_since(run.started_at)
    this_usd, this_hours = spent - evidence.spent_usd, hours - evidence.spent_hours
    if limits.max_budget_usd is not None and spent + this_usd > limits.max_budget_usd:
        return f"another attempt like this one (${this_usd:.2f}) would exceed max_budget_usd"
    if limits.max_training_hours is not None and hours + this_hours > limits.max_training_hours:
        return f"another attempt like this one ({this_hours:.2f} h) would exceed max_training_hours"
    return None
