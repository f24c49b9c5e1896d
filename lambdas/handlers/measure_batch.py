"""MeasureBatch: a model's first batch, which is judged in place of an endpoint under load."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from lambdas.aws import transform_jobs
from lambdas.aws.chat import is_right
from lambdas.aws.run_files import RunFiles
from lambdas.serving.after_measuring import what_follows
from lambdas.step import step
from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import BatchResult, Measurement, Measurements
from stratos.contracts.plan import Interval
from stratos.contracts.run import RunRef
from stratos.errors import DeploymentFailed
from stratos.hosting.chat_request import Said
from stratos.hosting.deployment import BatchDeployment
from stratos.hosting.transform_job import TransformJob
from stratos.measuring.batch_gate import batch_result, judge_batch
from stratos.measuring.gates import judge_answers
from stratos.moment import now
from stratos.pipeline.failures import explain
from stratos.pipeline.steps import JobFailure, MeasureBatchInput, Measured
from stratos.spec import Spec
from stratos.waiting import every, wait_until, within

_PATIENCE_SECONDS = 120.0
"""How long a job that outlasted its state may take to stop."""
_PAUSE_SECONDS = 2.0
_OVER = ("Completed", "Failed", "Stopped")
_TIMED_OUT = "States.Timeout"


@step
def handler(payload: MeasureBatchInput) -> Measured:
    """Judge the batch by its job and its answers; after a miss, name what is tried next."""
    run, deployment = payload.run, payload.deployment
    files = RunFiles(run)
    spec, evidence, before = files.spec(), files.match(), files.measurements()
    job = deployment.transform_job
    described = _over(job)
    batch = _carried_out(payload, spec, job, described)
    measurement = _measurement(batch, run, spec, deployment, before, evidence)
    all_measured = before.adding(measurement)
    files.put_measurements(all_measured)
    _refuse_stopped(payload.transformed, described)  # its bill is kept
    return what_follows(run, spec, evidence, all_measured, deployment)


def _refuse_stopped(caught: JobFailure, described: dict[str, Any] | None) -> None:
    """Raise where somebody stopped the job: that says nothing about the model."""
    stopped = described is not None and described["TransformJobStatus"] == "Stopped"
    if stopped and caught.Error != _TIMED_OUT:
        assert described is not None
        raise DeploymentFailed(
            f"transform job {described['TransformJobName']} was stopped by hand; nothing was "
            "measured. Submit the spec again to go on"
        )


def _carried_out(
    payload: MeasureBatchInput, spec: Spec, job: TransformJob, described: dict[str, Any] | None
) -> BatchResult:
    """The batch, however it ended."""
    failure = None
    if described is None or described["TransformJobStatus"] != "Completed":
        told = (described or {}).get("FailureReason")
        failure = told or explain(payload.transformed)
    records = RunFiles(payload.run).questions()

    def judge(index: int, said: Said) -> bool | None:
        if index >= len(records):
            return None
        return is_right(spec.task, said, records[index])

    return batch_result(
        job,
        described,
        transform_jobs.count_questions(job),
        [] if failure else transform_jobs.answers_of(job),
        failure=failure,
        judge=judge,
    )


def _over(job: TransformJob) -> dict[str, Any] | None:
    """The job once it has ended; one that outlasted its state is stopped first."""
    described = transform_jobs.describe(job.name)
    if _is_over(described):
        return described
    transform_jobs.stop(job.name)
    described = wait_until(
        lambda: transform_jobs.describe(job.name),
        _is_over,
        pauses=every(_PAUSE_SECONDS),
        deadline=within(_PATIENCE_SECONDS),
    )
    if not _is_over(described):
        raise DeploymentFailed(
            f"transform job {job.name} does not stop and is billed. Stop it in the SageMaker "
            "console"
        )
    return described


def _is_over(described: dict[str, Any] | None) -> bool:
    return described is None or described["TransformJobStatus"] in _OVER


def _measurement(
    batch: BatchResult,
    run: RunRef,
    spec: Spec,
    deployment: BatchDeployment,
    before: Measurements,
    evidence: MatchEvidence,
) -> Measurement:
    job, plan = deployment.transform_job, before.plan_of(deployment.name, evidence)
    verdict = judge_batch(batch, spec, job.usd_per_hour)
    if plan.engine is not None:
        evaluation = RunFiles(run).evaluated(evidence.attempt).served_by(plan.engine)
        verdict &= judge_answers(batch.accuracy, evaluation, plan.engine, spec.constraints)
    cost, ended = batch.usd_per_1000_requests, now()
    started = ended - timedelta(seconds=batch.waited_seconds + batch.seconds)
    return Measurement(
        plan=plan,
        attempt=evidence.attempt,
        model_name=deployment.model_name,
        endpoint_config_name=deployment.name,
        started_at=started,
        ended_at=ended,
        load=None,
        batch=batch,
        # A bill is exact: there is no interval around it.
        usd_per_1000_requests=None if cost is None else Interval(value=cost, lo=cost, hi=cost),
        passed=verdict.passed,
        missed=verdict.missed,
        reason=verdict.reason,
    )
