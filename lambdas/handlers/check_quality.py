"""CheckQuality: the held-out gate, and what to deploy when it is passed."""

from __future__ import annotations

from lambdas.aws import transform_jobs
from lambdas.aws.bucket import Bucket
from lambdas.aws.run_files import RunFiles
from lambdas.aws.sagemaker import find_endpoint
from lambdas.serving.deployments import deployment_of, live_endpoint
from lambdas.serving.fallbacks import next_student
from lambdas.step import step
from stratos.contracts.bucket import RunKeys
from stratos.contracts.jobs import DistillResult, EvaluateConfig, EvaluateResult
from stratos.contracts.match import MatchEvidence
from stratos.hosting.deployment import BatchDeployment
from stratos.hosting.model_package import Lineage
from stratos.hosting.names import endpoint_name
from stratos.measuring.gates import judge_quality
from stratos.pipeline.steps import Quality, QualityInput
from stratos.spec import Spec


@step
def handler(payload: QualityInput) -> Quality:
    """Pass the student on to deployment, or on to the next one while the budget lasts."""
    run, match = payload.run, payload.match
    bucket, keys = Bucket(run.bucket), RunKeys(run.run_id)
    spec = bucket.read_model(keys.spec, Spec)
    evidence = bucket.read_model(keys.match, MatchEvidence)
    result = bucket.read_model(keys.job_result(match.evaluate.step), EvaluateResult)
    verdict = judge_quality(result, spec.constraints)
    if not verdict.passed:
        following = next_student(run, spec, evidence)
        return Quality(
            passed=False,
            next_attempt=following.attempt,
            reason=f"{verdict.reason}; {following.ending}",
            deployment=None,
        )
    bucket.put_model(keys.lineage, _lineage(payload))
    live = live_endpoint(find_endpoint(endpoint_name(spec.name)))
    deployment = deployment_of(run, spec, evidence, payload.model_artifact, live=live)
    RunFiles(run).put_deployment(deployment)
    if isinstance(deployment, BatchDeployment):
        transform_jobs.put_questions(run, spec)
    reason = f"{verdict.reason}; {deployment.hosting.reason}"
    return Quality(passed=True, next_attempt=None, reason=reason, deployment=deployment)


def _lineage(payload: QualityInput) -> Lineage:
    match, keys = payload.match, RunKeys(payload.run.run_id)
    bucket = Bucket(payload.run.bucket)
    models = bucket.read_model(keys.job_config(match.evaluate.step) + "config.json", EvaluateConfig)
    trained = bucket.read_model(keys.job_result(match.distill.step), DistillResult)
    return Lineage(
        content_hash=payload.dataset.content_hash,
        dataset_uri=payload.dataset.uri,
        metrics_uri=match.evaluate.result_uri,
        weights_sha256=trained.weights_sha256,
        teacher=models.teacher,
        student=models.student,
        jobs={
            "synthesize": match.synthesize.name,
            "distill": match.distill.name,
            "evaluate": match.evaluate.name,
        },
    )
