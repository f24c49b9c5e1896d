"""Planning by a plan that was saved: what was shown is what runs, or nothing does.

Pinned are teacher, student, method, precision of training, both servers with their count, purchase
and region, the hosting mode and the served precision, and after the choice its fallbacks in their
order. Left to the probes are the way of distilling (`strategy`), and how many records and tokens
that takes. Sizes that follow from the records, such as an engine's context, are computed anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stratos.contracts.jobs import ProbeResult
from stratos.contracts.match import FULL_PRECISION
from stratos.contracts.plan import Matching, Plan, PlanSet
from stratos.contracts.saved_plan import SavedPlan, differences
from stratos.errors import NoFeasiblePlan, SavedPlanChanged
from stratos.planning.choose import plan_after_probing, plan_before_probing
from stratos.planning.request import PlanningRequest

MOST_PROBED = 3
"""Of teachers, and of students, as where nothing is pinned."""
_WHAT_TO_DO = (
    "Look at the change with `stratos plan --out`, and submit that plan, or submit without --plan"
)


def plan_saved(request: PlanningRequest, saved: SavedPlan) -> PlanSet:
    """The saved choice and those of its fallbacks that still hold every constraint.

    Raises:
        SavedPlanChanged: if the choice no longer does, or is no longer what was shown.
    """
    _check_records(request, saved)
    plans = _as_shown(request, saved.chosen, plan_before_probing)
    others = (_if_as_shown(request, plan) for plan in saved.plans[1:])
    return _with_fallbacks(plans, [plan for plan in others if plan is not None])


def shortlist_saved(plans: PlanSet) -> tuple[dict[str, Plan], dict[str, Plan]]:
    """Teachers and students to probe, the choice's first, each with the plan that uses it."""
    teachers: dict[str, Plan] = {}
    students: dict[str, Plan] = {}
    for plan in plans.front:
        teachers.setdefault(plan.teacher, plan)
        students.setdefault(plan.student, plan)
    first = list(teachers.items())[:MOST_PROBED], list(students.items())[:MOST_PROBED]
    return dict(first[0]), dict(first[1])


def match_saved(
    request: PlanningRequest,
    saved: SavedPlan,
    probes: Sequence[ProbeResult],
    excluded_students: frozenset[str] = frozenset(),
) -> Matching:
    """The saved choice on what the probes measured, or the next fallback with another student.

    Args:
        excluded_students: Those that already missed their gate.

    Raises:
        SavedPlanChanged: if the plan that is due holds no longer, or is no longer what was shown.
    """
    due = [plan for plan in saved.plans if plan.student not in excluded_students]
    if not due:
        raise SavedPlanChanged(
            "no student of the saved plan is left: "
            f"{', '.join(sorted(excluded_students))} missed a gate. {_WHAT_TO_DO}"
        )
    found: list[Matching] = []

    def matched(pinned: PlanningRequest) -> PlanSet:
        matching = plan_after_probing(pinned, probes, excluded_students)
        found.append(matching)
        return matching.plans

    plans = _as_shown(request, due[0], matched)
    matching = found[0]
    others = (_if_as_shown(request, plan, matched) for plan in due[1:])
    return matching.model_copy(
        update={"plans": _with_fallbacks(plans, [plan for plan in others if plan is not None])}
    )


def _as_shown(
    request: PlanningRequest, shown: Plan, choose: Callable[[PlanningRequest], PlanSet]
) -> PlanSet:
    for role, name, cards in (
        ("teacher", shown.teacher, request.teachers),
        ("student", shown.student, request.students),
    ):
        if name not in {card.name for card in cards}:
            raise SavedPlanChanged(
                f"the saved plan's {role} {name} is no longer on offer. {_WHAT_TO_DO}"
            )
    try:
        plans = choose(request.model_copy(update={"pinned": shown}))
    except NoFeasiblePlan as error:
        raise SavedPlanChanged(
            f"the saved plan, {_told(shown)}, cannot run any more: {error}. {_WHAT_TO_DO}"
        ) from error
    if changed := list(differences(shown, plans.chosen)):
        raise SavedPlanChanged(
            f"the saved plan is not what would run: {'; '.join(changed)}. {_WHAT_TO_DO}"
        )
    return plans


def _if_as_shown(
    request: PlanningRequest,
    shown: Plan,
    choose: Callable[[PlanningRequest], PlanSet] = plan_before_probing,
) -> Plan | None:
    try:
        return _as_shown(request, shown, choose).chosen
    except SavedPlanChanged:
        return None


def _with_fallbacks(plans: PlanSet, fallbacks: list[Plan]) -> PlanSet:
    """Of a choice that stands alone, with what may come after it and nothing else."""
    front = (plans.chosen, *fallbacks)
    kept = {name: plan for name, plan in plans.alternatives.items() if name == FULL_PRECISION}
    return plans.model_copy(
        update={
            "fallbacks": tuple(fallbacks),
            "front": front,
            "front_size": len(front),
            "alternatives": kept,
        }
    )


def _check_records(request: PlanningRequest, saved: SavedPlan) -> None:
    """The files were compared when the plan was submitted; they may have been replaced since."""
    now, then = request.dataset.counts, saved.basis.num_records
    changed = [
        f"{name}: {then[name]:,} were planned with, there are {count:,}"
        for name, count in now.items()
        if then.get(name, count) != count
    ]
    if changed:
        raise SavedPlanChanged(
            f"the dataset is not that of the saved plan ({'; '.join(changed)}). {_WHAT_TO_DO}"
        )


def _told(plan: Plan) -> str:
    return (
        f"{plan.teacher} → {plan.student} trained on {plan.training.instance_type} and served on "
        f"{plan.serving.instance_type}"
    )
