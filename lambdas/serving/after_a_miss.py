"""What follows a gate that was missed: another server, another student, or the reason for neither.

A server needs no training, so every better one on the front comes before the next student.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from lambdas.aws.executions import history
from lambdas.jobs.spending import outlay_of
from lambdas.serving.deployments import on_another_server
from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import Measurement
from stratos.contracts.plan import Plan
from stratos.contracts.run import RunRef
from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.measuring.batch_gate import next_batch_server
from stratos.measuring.gates import Outlay, exceeded
from stratos.measuring.measurement import MAX_SERVERS, first_server, next_server, on_servers
from stratos.pipeline.phases import phase_seconds
from stratos.pipeline.steps import Deployment
from stratos.spec import Spec

MAX_STUDENTS = 3


@dataclass(frozen=True)
class Next:
    """Where the run goes on; nowhere where neither is given."""

    ending: str
    """In words, for the end of the verdict."""
    plan: Plan | None = None
    deployment: Deployment | None = None
    attempt: int | None = None


def next_student(run: RunRef, spec: Spec, evidence: MatchEvidence) -> Next:
    """The next student, where one is left and an attempt like this one may still be paid."""
    students = evidence.students_left()
    if not students:
        return Next("no other student is left to try; name more, or ask for less")
    if evidence.attempt + 1 >= MAX_STUDENTS:
        return Next(f"{MAX_STUDENTS} students were tried")
    spent = outlay_of(run)
    before = Outlay(evidence.spent_usd, evidence.spent_hours)
    if obstacle := exceeded(spent, spent - before, spec.constraints):
        return Next(obstacle)
    return Next(f"next: {students[0]}", attempt=evidence.attempt + 1)


def after_missed_load(
    run: RunRef,
    spec: Spec,
    evidence: MatchEvidence,
    measured: tuple[Measurement, ...],
    current: Deployment,
) -> Next:
    """The next server for the same model, or else the next student."""
    mode, why = current.hosting.mode, None
    plan: Plan | None = None
    if mode == "batch":
        plan = next_batch_server(evidence, measured)
    elif mode == "serverless":
        plan = first_server(evidence)
        why = _why_it_stays_serverless(spec, plan, current)
    elif mode == "scale_to_zero":
        why = "an endpoint that scales to zero keeps its instances"
    else:
        plan = next_server(evidence, measured, spec.constraints, mode=mode)
    if plan is None or why is not None:
        student = next_student(run, spec, evidence)
        why = why or _why_no_server(measured, evidence)
        return Next(f"{why}; {student.ending}", attempt=student.attempt)
    another = _outlay_of_one(run, measured, plan, current)
    if obstacle := exceeded(outlay_of(run), another, spec.constraints):
        return Next(obstacle)  # nor is there room for a student, which takes an endpoint too
    number = sum(item.attempt == evidence.attempt for item in measured)
    deployment = on_another_server(run, spec, evidence, plan, current, number)
    server = f"{plan.serving.count} × {plan.serving.instance_type}"
    return Next(f"next: {server}", plan=plan, deployment=deployment)


def _why_it_stays_serverless(spec: Spec, plan: Plan, current: Deployment) -> str | None:
    """Why a model that missed its load so does not move to the server of its plan, if it may not.

    SageMaker makes a serverless endpoint a real-time one, but never the way back: what was in
    service before could not be restored.
    """
    if spec.hosting.mode == "serverless":
        return "the spec asks for serverless hosting"
    if current.previous_config_name is not None:
        return "the endpoint in service is serverless and keeps its kind"
    limit = spec.constraints.max_hosting_usd_per_month
    monthly = plan.serving.usd_per_hour * HOURS_PER_MONTH
    if limit is not None and monthly > limit:
        return f"its server's ${monthly:.2f} a month exceed max_hosting_usd_per_month"
    return None


def _why_no_server(measured: tuple[Measurement, ...], evidence: MatchEvidence) -> str:
    number = len(on_servers(measured, evidence.attempt))
    if number >= MAX_SERVERS:
        return f"{number} servers were tried"
    return "the front has no better server for it"


def _outlay_of_one(
    run: RunRef, measured: tuple[Measurement, ...], plan: Plan, current: Deployment
) -> Outlay:
    """Another server, if it takes as long as those before: deployed beside the one there is."""
    seconds = phase_seconds(history(run.execution_arn), datetime.now(UTC))
    deploying = seconds.get("Deploy", 0.0) / len(measured) / 3600
    measuring = seconds.get("MeasureEndpoint", 0.0) + seconds.get("MeasureBatch", 0.0)
    beside = deploying * current.billed_usd_per_hour
    hours = deploying + measuring / len(measured) / 3600
    return Outlay(hours * plan.serving.usd_per_hour + beside, hours)
