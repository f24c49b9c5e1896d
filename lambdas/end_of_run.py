"""The end of a run, good or bad: run.json, report.html, the table, calibration, a notice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit, single_metric
from botocore.exceptions import BotoCoreError, ClientError

from lambdas import admission
from lambdas.aws import notices, runs_table, transform_jobs
from lambdas.aws.bucket import Bucket
from lambdas.aws.catalog_files import CatalogFiles
from lambdas.aws.elsewhere_files import ElsewhereFiles
from lambdas.aws.executions import history
from lambdas.aws.job_names import step_name
from lambdas.aws.run_files import RunFiles
from lambdas.jobs.roles import delete_unused
from lambdas.jobs.spending import JobCost, hours_of, job_costs
from lambdas.step import logger
from stratos.contracts.plan import Server
from stratos.contracts.regions import moved_bytes
from stratos.contracts.run import RunRef, RunStatus
from stratos.errors import ApprovalRejected, ApprovalTimedOut
from stratos.moment import now
from stratos.pipeline.bill import HostingBill, hosting_bill
from stratos.pipeline.build_summary import build_summary
from stratos.pipeline.evidence import RunEvidence
from stratos.pipeline.failures import failure_in, reason_in
from stratos.pipeline.lessons import calibration_rows
from stratos.pipeline.phases import PHASE_OF_JOB, phase_seconds
from stratos.pipeline.steps import Reported
from stratos.pipeline.summary import REJECTED_RUNS, Phase, RunSummary
from stratos.report.figures import accuracy_rows, duration, money, share
from stratos.units import figure

_DECIDED = (ApprovalRejected.__name__, ApprovalTimedOut.__name__)
"""Errors of runs that a person ended, or that ended because nobody answered in time."""


def close_run(run: RunRef, status: RunStatus, state: dict[str, Any]) -> Reported:
    """Write down how a run ended, and send a notice.

    Args:
        state: The execution's data so far; may be empty.
    """
    from stratos.report.html import render  # not needed to import a handler

    files = RunFiles(run)
    evidence = _gather(run, status, state)
    summary = build_summary(evidence)
    summary_uri = files.put_summary(summary)
    report_uri = files.put_report(render(summary))
    row = runs_table.find(run.run_id)
    if row is not None and row.status == "running":
        CatalogFiles(run).add_calibration(calibration_rows(evidence))
    runs_table.update(
        run.run_id, status=status, ended_at=summary.ended_at, **runs_table.NOTHING_AWAITED
    )
    admission.hand_on(run.run_id)
    failure = failure_in(state)
    if status == "rejected" or (failure is not None and failure.Error in _DECIDED):
        with single_metric(name=REJECTED_RUNS, unit=MetricUnit.Count, value=1):
            pass  # on leaving, it is written to the log, where CloudWatch reads it
    _announce(summary, report_uri)
    _end_roles(run)
    return Reported(summary_uri=summary_uri, report_uri=report_uri, status=status)


def _end_roles(run: RunRef) -> None:
    """Delete what nothing runs under any more; the run has ended even if that fails."""
    try:
        deleted = delete_unused(run)
    except (BotoCoreError, ClientError) as error:
        logger.warning("roles are left to the sweeper", extra={"reason": str(error)})
    else:
        logger.info("deleted", extra={"roles": deleted})


def _gather(run: RunRef, status: RunStatus, state: dict[str, Any]) -> RunEvidence:
    files = RunFiles(run)
    row = runs_table.find(run.run_id)
    match, deployment = files.find_match(), files.find_deployment()
    attempt = match.attempt if match else 0
    promoted = row is not None and row.in_charge
    ended_at = now()
    measured = files.measurements().measured
    hosting = hosting_bill(
        measured,
        ended_at,
        latest=deployment,
        promoted=promoted,
        unmeasured_batch_usd=transform_jobs.unmeasured_usd(deployment, measured),
    )
    approval, costs = files.find_approval(), job_costs(run)
    return RunEvidence(
        run=run,
        status=status,
        ended_at=ended_at,
        hours=hours_of(run),
        reason=reason_in(state),
        content_hash=row.content_hash if row else None,
        spec_name=row.spec_name if row else None,
        spec=files.find_spec(),
        inspection=files.find_inspection(),
        plans=files.find_plans(),
        match=match,
        synthesis=files.find_synthesized(attempt),
        samples=tuple(files.synthesis_sample(attempt)),
        distillation=files.find_distilled(attempt),
        evaluation=files.find_evaluated(attempt),
        deployment=deployment,
        measurements=measured,
        promoted=promoted,
        expires_at=row.expires_at if row else None,
        phases=_phases(run, costs, ended_at, hosting),
        trained_on=_trained_on(costs, attempt),
        notes=[
            *_waited(run),
            *([] if approval is None else [approval.described()]),
            *_moved(run, costs),
        ],
    )


def _waited(run: RunRef) -> Iterator[str]:
    if run.waited_seconds:
        yield (
            f"waited {duration(run.waited_seconds)} for its place among the runs that work; limits "
            "of time do not count that"
        )


def _moved(run: RunRef, jobs: Sequence[JobCost]) -> Iterator[str]:
    """Where jobs ran that did not run at home, and what was copied for them."""
    if regions := dict.fromkeys(job.region for job in jobs if job.region):
        steps = ", ".join(f"{job.step} in {job.region}" for job in jobs if job.region)
        yield f"jobs in other regions than the stack's ({', '.join(regions)}): {steps}"
    transfers = ElsewhereFiles(Bucket(run.bucket), run.run_id).transfers()
    for (source, target), num_bytes in moved_bytes(transfers).items():
        yield f"{figure(num_bytes / 1e6)} MB were copied from {source} to {target}"


def _trained_on(jobs: Sequence[JobCost], attempt: int) -> Server | None:
    """What the last training of a student ran on, if SageMaker says."""
    step = step_name("distill", attempt)
    mine = [job for job in jobs if job.step == step and job.server is not None]
    return mine[-1].server if mine else None


def _phases(
    run: RunRef, jobs: Sequence[JobCost], ended_at: datetime, hosting: HostingBill
) -> tuple[Phase, ...]:
    """Time from the execution's history; money from the bills of jobs and endpoints."""
    costs = {
        "Deploy": hosting.deploying_usd,
        "MeasureEndpoint": hosting.serving_usd,
        "MeasureBatch": hosting.batches_usd,
    }
    billed: dict[str, float] = {}
    for cost in jobs:
        name = _phase_of(cost)
        costs[name] = costs.get(name, 0.0) + cost.usd
        billed[name] = billed.get(name, 0.0) + cost.seconds
    seconds = phase_seconds(history(run.execution_arn), ended_at)
    paid = (name for name, usd in costs.items() if usd > 0 or name in billed)
    unseen = {name: billed.get(name, 0.0) for name in paid if name not in seconds}
    return tuple(
        Phase(name=name, seconds=spent, cost_usd=costs.get(name, 0.0))
        for name, spent in {**seconds, **unseen}.items()
    )


def _phase_of(cost: JobCost) -> str:
    return PHASE_OF_JOB[cost.step.partition("-")[0]]


def _announce(summary: RunSummary, report_uri: str) -> None:
    lines = [summary.reason, ""]
    for row in summary.constraints:
        measured = "not measured" if row.measured is None else figure(row.measured)
        verdict = {True: "holds", False: "missed", None: "open"}[row.passed]
        lines.append(f"{row.name}: asked {figure(row.asked)}, measured {measured}: {verdict}")
    for accuracy in accuracy_rows(summary):
        lines.append(f"accuracy of {accuracy.name}: {share(accuracy.accuracy)}")
    cut = summary.training.cut_short if summary.training else None
    if cut is not None and cut not in summary.reason:
        lines.append(cut)
    if summary.served and summary.served.changed:
        lines.append(summary.served.changed)
    lines += [f"spent: {money(summary.total_usd)}", f"report: {report_uri}"]
    notices.send(
        f"Stratos: {summary.spec_name} {summary.status} ({summary.run_id})", "\n".join(lines)
    )
