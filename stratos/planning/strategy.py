"""Which way to distil: decided by the teacher's measured accuracy, not by its reputation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from stratos.errors import NoFeasiblePlan
from stratos.scoring.reasons import counted
from stratos.spec import StrategyName
from stratos.statistics.wilson import Proportion

DEFAULT_FLOOR = 0.5
"""Accuracy at which a teacher is imitated if the spec asks for none."""


def choose_strategy(
    asked: StrategyName | Literal["auto"],
    min_accuracy: float | None,
    teacher: Proportion,
    reverse_yield: Proportion | None,
    num_gold: int,
    *,
    explainable: bool = True,
    answers: Mapping[str, int] = MappingProxyType({}),
    explanations: Mapping[str, int] = MappingProxyType({}),
    logged: bool = False,
) -> tuple[StrategyName, str]:
    """Return the strategy and the reason, with the numbers it rests on.

    With the teacher's 95% Wilson interval [lo, hi] and the asked accuracy m: alignment if lo >= m,
    injection if hi < m and there are gold answers, a blend of both in between.

    Args:
        explainable: Whether a teacher can be asked to explain a given answer.
        answers: What the teacher's answers were worth, counted by reason.
        explanations: Why explanations of given answers were rejected, counted by reason.
        logged: The teacher is a log: it explains nothing.

    Raises:
        NoFeasiblePlan: if the teacher cannot reach m and nothing else can teach the student.
    """
    needed = DEFAULT_FLOOR if min_accuracy is None else min_accuracy
    source = "no accuracy is asked for" if min_accuracy is None else "min_accuracy"
    evidence = _evidence(teacher, reverse_yield, answers, explanations, logged)
    can_explain = explainable and not logged
    can_explain &= reverse_yield is None or reverse_yield.successes > 0
    can_inject = num_gold > 0 and can_explain

    if asked != "auto":
        _check_asked(asked, num_gold, logged)
        found = _advise(needed, teacher, can_inject)
        advice = "as measured" if found == asked else f"measured evidence points to {found}"
        return asked, f"{asked} was asked for ({advice}): {evidence}, {source}: {needed:g}"

    choice = _advise(needed, teacher, can_inject)
    if choice == "alignment" and (teacher.lo >= needed or min_accuracy is None or num_gold > 0):
        if teacher.lo >= needed:
            return choice, f"{evidence}, so even its lower bound reaches {needed:g} ({source})"
        if teacher.hi >= needed or min_accuracy is None:
            lacks = "there are no gold answers" if num_gold == 0 else "it could explain none"
            lacks = "logged replies explain nothing" if logged else lacks
            return choice, f"{evidence}, which may miss {needed:g} ({source}), but {lacks}"
    if choice == "blend":
        return choice, (
            f"{evidence}; {needed:g} ({source}) lies inside that interval: align where the "
            "teacher is right, inject the gold answer where it is wrong"
        )
    if choice == "injection":
        return choice, (
            f"{evidence}, below {needed:g} ({source}), and {num_gold:,} records have gold answers "
            "to reason back from"
        )
    raise _nothing_teaches(f"{evidence}; min_accuracy is {needed:g}", teacher, num_gold, logged)


def _check_asked(asked: StrategyName, num_gold: int, logged: bool) -> None:
    if asked in ("injection", "blend") and num_gold == 0:
        raise NoFeasiblePlan(
            f"strategy: {asked} needs gold answers to explain and the dataset has none; "
            "add gold answers, or use strategy: alignment"
        )
    if asked != "alignment" and logged:
        raise NoFeasiblePlan(f"logged replies explain nothing, as strategy: {asked} needs")


def _nothing_teaches(told: str, teacher: Proportion, num_gold: int, logged: bool) -> NoFeasiblePlan:
    if logged:
        return NoFeasiblePlan(
            f"{told}: imitation cannot be trusted to exceed the log. Name a live teacher beside "
            f"`kind: logs`, or lower min_accuracy to {teacher.lo:.2f}"
        )
    if num_gold == 0:
        return NoFeasiblePlan(
            f"{told} and there are no gold answers: imitation cannot be trusted to exceed the "
            "teacher. Add gold answers, name a stronger teacher, or lower min_accuracy to "
            f"{teacher.lo:.2f}"
        )
    return NoFeasiblePlan(
        f"{told}. It can neither answer nor explain this task: name a stronger teacher, or improve "
        "synthesis.injection_prompt and synthesis.notes"
    )


def _advise(needed: float, teacher: Proportion, can_inject: bool) -> StrategyName:
    if teacher.lo >= needed or not can_inject:
        return "alignment"
    return "injection" if teacher.hi < needed else "blend"


def _evidence(
    teacher: Proportion,
    reverse_yield: Proportion | None,
    answers: Mapping[str, int],
    explanations: Mapping[str, int],
    logged: bool,
) -> str:
    who = "the logged replies" if logged else "the teacher"
    scored = f"{who} scored {_shown(teacher, answers)} on the probe split"
    if reverse_yield is None:
        return scored
    explained = _shown(reverse_yield, explanations)
    return f"{scored} and explained {explained} of the gold answers it was given"


def _shown(share: Proportion, reasons: Mapping[str, int]) -> str:
    rejected = counted(reasons)
    return (
        f"{share.value:.1%} ({share.successes} of {share.n}; "
        f"95% interval {share.lo:.1%} to {share.hi:.1%}"
        f"{f'; rejected: {rejected}' if rejected else ''})"
    )
