"""What follows a missed gate: another server, another student, or the reason for neither.

Another server needs no training, so every better one on the front comes before the next student;
so does the same student in full precision, if it answers wrong where it is quantised.
"""

from __future__ import annotations

from dataclasses import dataclass

from lambdas.aws.executions import history
from lambdas.aws.run_files import RunFiles
from lambdas.jobs.spending import outlay_of
from lambdas.serving.deployments import on_another_server
from stratos.contracts.jobs import EvaluateResult
from stratos.contracts.match import MatchEvidence, full_precision_plan, is_quantised
from stratos.contracts.measurements import Measurement
from stratos.contracts.plan import Plan, ServedPrecision
from stratos.contracts.run import RunRef
from stratos.hosting.deployment import Deployment
from stratos.hosting.modes.interface import HostingMode
from stratos.hosting.modes.table import mode_named, on_servers
from stratos.hosting.next_server import NextServer, Tried, served_as
from stratos.measuring.gates import OF_ANSWERS, Outlay, exceeded
from stratos.measuring.student_gate import judge_served, precisions_passed
from stratos.moment import now
from stratos.pipeline.phases import phase_seconds
from stratos.spec import Spec

MAX_STUDENTS = 3


@dataclass(frozen=True)
class Fallback:
    """What a run tries next; nothing where neither a deployment nor an attempt is given."""

    ending: str
    """The end of the verdict, in words."""
    plan: Plan | None = None
    deployment: Deployment | None = None
    attempt: int | None = None


def next_student(
    run: RunRef, spec: Spec, evidence: MatchEvidence, *, trained_whole: bool = True
) -> Fallback:
    """The next student, if one is left and the budget lasts for another attempt like this one.

    Args:
        trained_whole: The last one had all its steps, so that what it misses is its own.
    """
    students = evidence.students_left()
    if not students:
        advice = "; name more, or ask for less" if trained_whole else ""
        return Fallback(f"no other student is left to try{advice}")
    if evidence.attempt + 1 >= MAX_STUDENTS:
        return Fallback(f"{MAX_STUDENTS} students were tried")
    spent = outlay_of(run)
    before = Outlay(evidence.spent_usd, evidence.spent_hours)
    if obstacle := exceeded(spent, spent - before, spec.constraints):
        return Fallback(obstacle)
    return Fallback(f"next: {students[0]}", attempt=evidence.attempt + 1)


def next_server_or_student(
    run: RunRef,
    spec: Spec,
    evidence: MatchEvidence,
    measured: tuple[Measurement, ...],
    current: Deployment,
) -> Fallback:
    """The next server for the same model, or else the next student.

    Another server is no help to a model that fails, or that answers wrong.
    """
    mode = mode_named(current.hosting.mode)
    last = measured[-1]
    if last.is_broken:
        student = next_student(run, spec, evidence)
        why = "the model itself fails, which no other server would cure"
        return Fallback(f"{why}; {student.ending}", attempt=student.attempt)
    evaluation = RunFiles(run).evaluated(evidence.attempt)
    if OF_ANSWERS & set(last.missed):
        following = next_precision(evaluation, evidence, last, spec, mode)
    else:
        mine = on_servers(measured, evidence.attempt)
        passed = precisions_passed(evaluation, evidence, spec) - answering_wrong(measured, evidence)
        following = mode.next_server(Tried(spec, evidence, mine, current.replaces_former, passed))
    plan = following.plan
    if plan is None:
        student = next_student(run, spec, evidence)
        return Fallback(f"{following.why}; {student.ending}", attempt=student.attempt)
    another = _outlay_of_one(run, measured, plan, current)
    if obstacle := exceeded(outlay_of(run), another, spec.constraints):
        return Fallback(obstacle)  # nor for a student, which needs an endpoint too
    number = sum(item.attempt == evidence.attempt for item in measured)
    deployment = on_another_server(run, spec, evidence, plan, current, number)
    server = f"{plan.serving.count} × {plan.serving.instance_type}"
    if plan.engine is not None and last.plan.engine is not None:
        other = plan.engine.precision != last.plan.engine.precision
        server = f"{server} in {plan.engine.precision}" if other else server
    return Fallback(f"next: {server}", plan=plan, deployment=deployment)


def answering_wrong(
    measured: tuple[Measurement, ...], evidence: MatchEvidence
) -> frozenset[ServedPrecision]:
    """Precisions of the student whose endpoint missed the gate on its answers."""
    mine = (item for item in measured if item.attempt == evidence.attempt)
    wrong = (item.plan.engine for item in mine if OF_ANSWERS & set(item.missed))
    return frozenset(engine.precision for engine in wrong if engine is not None)


def next_precision(
    evaluation: EvaluateResult,
    evidence: MatchEvidence,
    last: Measurement,
    spec: Spec,
    mode: HostingMode,
) -> NextServer:
    """The same model unquantised, where a quantised one answers wrong."""
    if not is_quantised(last.plan):
        return NextServer(why="another server would give the same answers")
    plan = full_precision_plan(evidence)
    if plan is None or mode.moves_to != mode.name:
        return NextServer(why="no plan serves it in full precision in its place")
    verdict = judge_served(evaluation, plan, spec)
    if not verdict.passed:
        return NextServer(why=f"in full precision {verdict.reason}")
    return NextServer(served_as(evidence.plan, plan))


def _outlay_of_one(
    run: RunRef, measured: tuple[Measurement, ...], plan: Plan, current: Deployment
) -> Outlay:
    """What another server would take, deployed beside this one and as slowly as those before."""
    seconds = phase_seconds(history(run.execution_arn), now())
    deploying = seconds.get("Deploy", 0.0) / len(measured) / 3600
    measuring = seconds.get("MeasureEndpoint", 0.0) + seconds.get("MeasureBatch", 0.0)
    beside = deploying * current.billed_usd_per_hour
    hours = deploying + measuring / len(measured) / 3600
    return Outlay(hours * plan.serving.usd_per_hour + beside, hours)
