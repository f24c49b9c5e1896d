"""CheckQuality: the held-out gate, and what to deploy if the student passes it."""

from __future__ import annotations

from lambdas.aws import transform_jobs
from lambdas.aws.bucket import Bucket
from lambdas.aws.elsewhere_files import ElsewhereFiles
from lambdas.aws.run_files import RunFiles
from lambdas.aws.sagemaker import find_endpoint
from lambdas.aws.settings import settings
from lambdas.serving.deployments import deployment_of, live_endpoint
from lambdas.serving.fallbacks import next_student
from lambdas.serving.staging import planned_fleet, serves_elsewhere
from lambdas.step import step
from stratos.contracts.match import MatchEvidence
from stratos.contracts.run import RunRef
from stratos.hosting.deployment import BatchDeployment, Deployment
from stratos.hosting.model_package import Lineage
from stratos.measuring.student_gate import judge_student
from stratos.pipeline.sharded import ShardedJob
from stratos.pipeline.steps import Quality, QualityInput, TrainingJob
from stratos.sharding.number import shard_step
from stratos.spec import Spec


@step
def handler(payload: QualityInput) -> Quality:
    """Prepare the deployment of a student that passes; else name the next one, if one is left."""
    run, match = payload.run, payload.match
    files = RunFiles(run)
    spec = files.spec()
    evidence, verdict = judge_student(files.match(), files.evaluated(match.attempt), spec)
    if not verdict.passed:
        cut = files.distilled(match.attempt).cut_short
        following = next_student(run, spec, evidence, trained_whole=cut is None)
        missed = verdict.reason if cut is None else f"{cut}; {verdict.reason}"
        return Quality(
            passed=False,
            next_attempt=following.attempt,
            reason=f"{missed}; {following.ending}",
            deployment=None,
        )
    files.put_match(evidence)  # as what it is served, from now on
    files.put_lineage(_lineage(payload))
    deployment = _deployment(payload, spec, evidence)
    files.put_deployment(deployment)
    if isinstance(deployment, BatchDeployment):
        transform_jobs.put_questions(run, spec)
    reason = f"{verdict.reason}; {deployment.hosting.reason}"
    return Quality(passed=True, next_attempt=None, reason=reason, deployment=deployment)


def _deployment(payload: QualityInput, spec: Spec, evidence: MatchEvidence) -> Deployment:
    """In place of the spec's endpoint; or beside it, where not only home serves the model."""
    if serves_elsewhere(evidence.plan):
        return planned_fleet(payload.run, spec, evidence, payload.model_artifact)
    live = live_endpoint(find_endpoint(settings().names.endpoint(spec.name)))
    return deployment_of(payload.run, spec, evidence, payload.model_artifact, live=live)


def _lineage(payload: QualityInput) -> Lineage:
    match, files = payload.match, RunFiles(payload.run)
    models = files.evaluate_config(match.attempt)
    return Lineage(
        content_hash=payload.dataset.content_hash,
        dataset_uri=payload.dataset.uri,
        metrics_uri=match.evaluate.result_uri,
        weights_sha256=files.distilled(match.attempt).weights_sha256,
        teacher=models.teacher,
        student=models.student,
        jobs={
            "synthesize": _named(match.synthesize, match.synthesis_shards),
            "distill": match.distill.name,
            "evaluate": _named(match.evaluate, match.evaluation_shards),
        },
        training_region=_region_of(payload.run, match.distill),
        serving_regions=files.match().plan.regions,
    )


def _region_of(run: RunRef, job: TrainingJob) -> str:
    """Where a job ran: what ran elsewhere has left word of it at home."""
    found = ElsewhereFiles(Bucket(run.bucket), run.run_id).find_job(job.name)
    return settings().aws_region if found is None else found.region


def _named(job: TrainingJob, shared: ShardedJob | None) -> str:
    """The job of a step, or the first of those that shared it."""
    if shared is None:
        return job.name
    return job.name.replace(job.step, shard_step(job.step, 0))
