"""What follows a miss over several regions: the next servers there, another student, or neither.

As at home (`fallbacks`), but all endpoints of a model are tried anew together, in the same regions.
"""

from __future__ import annotations

from lambdas.aws.executions import history
from lambdas.aws.run_files import RunFiles
from lambdas.jobs.spending import outlay_of
from lambdas.serving.fallbacks import Fallback, answering_wrong, next_precision, next_student
from lambdas.serving.staging import planned_fleet
from stratos.contracts.match import MatchEvidence
from stratos.contracts.measurements import Measurement
from stratos.contracts.run import RunRef
from stratos.hosting.deployment import EndpointDeployment
from stratos.hosting.modes.table import mode_named, told_endpoint
from stratos.hosting.next_server import NextServer, Tried, better_fleet
from stratos.measuring.gates import OF_ANSWERS, Outlay, exceeded
from stratos.measuring.student_gate import precisions_passed
from stratos.moment import now
from stratos.pipeline.phases import phase_seconds
from stratos.spec import Spec


def next_fleet_or_student(
    run: RunRef, spec: Spec, evidence: MatchEvidence, measured: tuple[Measurement, ...]
) -> Fallback:
    """The next servers for the same model in the same regions, or else the next student.

    Args:
        evidence: With the plan that the student was first staged by.
        measured: Every endpoint of the run, those that were judged last at the end.
    """
    mine = [item for item in measured if item.attempt == evidence.attempt]
    if any(item.is_broken for item in _latest(mine)):
        student = next_student(run, spec, evidence)
        why = "the model itself fails, which no other server would cure"
        return Fallback(f"{why}; {student.ending}", attempt=student.attempt)
    following = _following(run, spec, evidence, mine)
    plan = following.plan
    if plan is None:
        student = next_student(run, spec, evidence)
        return Fallback(f"{following.why}; {student.ending}", attempt=student.attempt)
    deployed = RunFiles(run).find_deployment()
    assert isinstance(deployed, EndpointDeployment), "endpoints were judged that nobody has staged"
    matching = evidence.matching.model_copy(update={"plan": plan})
    moved = evidence.model_copy(update={"matching": matching})
    fleet = planned_fleet(
        run, spec, moved, deployed.container["ModelDataUrl"], number=len(_names(mine))
    )
    if obstacle := exceeded(outlay_of(run), _outlay_of_one(run, measured, fleet), spec.constraints):
        return Fallback(obstacle)  # nor for a student, which needs endpoints too
    return Fallback(f"next: {told_endpoint(plan)}", plan=plan, deployment=fleet)


def _following(
    run: RunRef, spec: Spec, evidence: MatchEvidence, mine: list[Measurement]
) -> NextServer:
    evaluation, latest = RunFiles(run).evaluated(evidence.attempt), _latest(mine)
    if any(OF_ANSWERS & set(item.missed) for item in latest):
        mode = mode_named(evidence.plan.hosting.mode)
        found = next_precision(evaluation, evidence, latest[-1], spec, mode)
        if found.plan is not None and set(found.plan.regions) != set(evidence.plan.regions):
            return NextServer(why="no plan serves it in full precision in the same regions")
        return found
    passed = precisions_passed(evaluation, evidence, spec)
    passed -= answering_wrong(tuple(mine), evidence)
    return better_fleet(Tried(spec, evidence, mine, replaces_former=False, precisions=passed))


def _latest(mine: list[Measurement]) -> list[Measurement]:
    """The endpoints that were judged together last."""
    return [item for item in mine if item.endpoint_config_name == mine[-1].endpoint_config_name]


def _names(measured: list[Measurement]) -> set[str]:
    return {item.endpoint_config_name for item in measured}


def _outlay_of_one(
    run: RunRef, measured: tuple[Measurement, ...], fleet: EndpointDeployment
) -> Outlay:
    """What other servers would take, staged and measured as slowly as those before."""
    seconds = phase_seconds(history(run.execution_arn), now())
    spent = seconds.get("Deploy", 0.0) + seconds.get("MeasureEndpoint", 0.0)
    hours = spent / len(_names(list(measured))) / 3600
    return Outlay(hours * fleet.billed_usd_per_hour, hours)
