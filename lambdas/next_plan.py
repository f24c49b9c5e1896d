"""What follows a gate that was missed: another server, another student, or the reason for neither.

A server needs no training, so every better one on the front comes before the next student.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from lambdas.deployments import on_another_server
from lambdas.executions import history
from lambdas.spending import outlay_of
from stratos.gates import Outlay, exceeded
from stratos.match_evidence import MatchEvidence
from stratos.measurement import MAX_SERVERS, Measurement, next_server
from stratos.phases import phase_seconds
from stratos.plan import Plan
from stratos.spec import Spec
from stratos.steps import Deployment, RunRef

MAX_STUDENTS = 3
_SERVER_KEPT = {
    "serverless": "a serverless endpoint has no server to change",
    "scale_to_zero": "an endpoint that scales to zero keeps its instances",
}


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
    mode, constraints = current.hosting.mode, spec.constraints
    kept = _SERVER_KEPT.get(mode)
    plan = None if kept else next_server(evidence, measured, constraints, mode=mode)
    if plan is None:
        number = sum(item.attempt == evidence.attempt for item in measured)
        if kept:
            why = kept
        elif number >= MAX_SERVERS:
            why = f"{number} servers were tried"
        else:
            why = "the front has no better server for it"
        student = next_student(run, spec, evidence)
        return Next(f"{why}; {student.ending}", attempt=student.attempt)
    hours = _hours_of_one(run, measured)
    another = Outlay(hours * plan.serving.usd_per_hour, hours)
    if obstacle := exceeded(outlay_of(run), another, spec.constraints):
        return Next(obstacle)  # nor is there room for a student, which takes an endpoint too
    number = sum(item.attempt == evidence.attempt for item in measured)
    deployment = on_another_server(run, spec, evidence, plan, current, number)
    server = f"{plan.serving.count} × {plan.serving.instance_type}"
    return Next(f"next: {server}", plan=plan, deployment=deployment)


def _hours_of_one(run: RunRef, measured: tuple[Measurement, ...]) -> float:
    """What putting a server into service and measuring it has taken, on average."""
    seconds = phase_seconds(history(run.execution_arn), datetime.now(UTC))
    return (seconds.get("Deploy", 0.0) + seconds.get("MeasureEndpoint", 0.0)) / len(measured) / 3600
