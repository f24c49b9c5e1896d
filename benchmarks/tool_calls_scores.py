"""How right tool calls are: by our verifier, and by the leaderboard's on the same answers."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.bfcl_cases import Calls, Case
from stratos.hosting.chat_request import UNREADABLE
from stratos.scoring.tool_calls import CallFigures, compare_calls
from stratos.spec import ToolCalls
from stratos.statistics.mcnemar import compare
from stratos.statistics.newcombe import difference
from stratos.statistics.wilson import Proportion, proportion_of

NORMALISED = ToolCalls(kind="tool_call", text="normalised")
"""The task's verifier: the leaderboard lists right values for a checker that folds texts, too."""
EXACT = ToolCalls(kind="tool_call")
_WRONG = CallFigures(names_right=False, arguments_right=False, exact=False)
_DRAWS = 2_000
"""Of questions, for the interval of a share of arguments: those of a question hang together."""
Theirs = Callable[[Case, Calls], bool]


@dataclass(frozen=True)
class Answer:
    """What a model answered to a question.

    Attributes:
        calls: As they were read; none where it only said something.
        finished: It ended, and not at its limit of tokens.
    """

    calls: Calls
    text: str
    finished: bool


@dataclass(frozen=True)
class Verdict:
    """What the answer to one question is worth.

    Attributes:
        wants_call: Whether anything was to be called.
        offered: Functions to choose from.
        parses: The answer ended, and holds calls that can be read.
        figures: By the task's verifier.
        exact_text: Right if texts are compared to the letter.
        theirs: Right for the leaderboard.
        needed: Arguments without which no call is right.
        given: Those of them that have a right value, in a call of the right function.
    """

    id: str
    category: str
    wants_call: bool
    offered: int
    parses: bool
    figures: CallFigures
    exact_text: bool
    theirs: bool
    needed: int
    given: int


def verdict_on(case: Case, gold: str, answer: Answer, theirs: Theirs) -> Verdict:
    """Judge one answer. One that was cut, or holds a call that cannot be read, is wrong for both.

    Where nothing is to be called, the leaderboard takes every answer without a call that can be
    read; ours must have come to its end, too.
    """
    calls = answer.calls
    parses = answer.finished and bool(calls) and not any(map(_is_unreadable, calls))
    figures, exact_text, agreed = _WRONG, False, False
    if not case.possible:
        quiet = not calls and answer.finished
        figures, exact_text = CallFigures(quiet, quiet, quiet), quiet
        agreed = not any(not _is_unreadable(call) for call in calls)
    elif parses:
        figures = compare_calls(NORMALISED, json.dumps(calls), gold)
        exact_text = compare_calls(EXACT, json.dumps(calls), gold).exact
        agreed = theirs(case, calls)
    needed, given = arguments_given(gold, calls if parses else [])
    return Verdict(
        id=case.name,
        category=case.category,
        wants_call=bool(case.possible),
        offered=len(case.functions),
        parses=parses,
        figures=figures,
        exact_text=exact_text,
        theirs=agreed,
        needed=needed,
        given=given,
    )


def _is_unreadable(call: dict[str, Any]) -> bool:
    return UNREADABLE in call["arguments"]


def arguments_given(gold: str, calls: Calls) -> tuple[int, int]:
    """Of the arguments that right calls need: how many there are, and how many are right.

    Each right call is held against the first call of its function that is left.
    """
    needed = given = 0
    left = list(calls)
    for right in json.loads(gold):
        called = next((call for call in left if call["name"] == right["name"]), None)
        if called is not None:
            left.remove(called)
        for name, value in right["arguments"].items():
            needed += 1
            if called is None or name not in called["arguments"]:
                continue
            others = {name: right["any_of"][name]} if name in right.get("any_of", {}) else {}
            alone = {"name": "f", "arguments": {name: value}, "any_of": others}
            said = {"name": "f", "arguments": {name: called["arguments"][name]}}
            given += compare_calls(NORMALISED, json.dumps([said]), json.dumps([alone])).exact
    return needed, given


def figures_of(verdicts: Sequence[Verdict]) -> dict[str, dict[str, Any]]:
    """Shares with their 95% intervals; `MEANING` says of what."""
    asked = [one for one in verdicts if one.wants_call]
    named = [one for one in asked if one.figures.names_right]
    shares: dict[str, Proportion] = {
        "parses": proportion_of(one.parses for one in asked),
        "name": proportion_of(one.figures.names_right for one in asked),
        "name_of_several": proportion_of(
            one.figures.names_right for one in asked if one.offered > 1
        ),
        "arguments": proportion_of(one.figures.exact for one in named),
        "each_argument": share_of_arguments(asked),
        "exact_call": proportion_of(one.figures.exact for one in asked),
        "exact_call_to_the_letter": proportion_of(one.exact_text for one in asked),
        "exact_call_by_the_leaderboard": proportion_of(one.theirs for one in asked),
        "no_call": proportion_of(one.figures.exact for one in verdicts if not one.wants_call),
        "no_call_by_the_leaderboard": proportion_of(
            one.theirs for one in verdicts if not one.wants_call
        ),
        "all": proportion_of(one.figures.exact for one in verdicts),
    }
    return {name: share.model_dump() for name, share in shares.items()}


MEANING = {
    "parses": "of the questions that need a call: the answer ended and holds a call that is read",
    "name": "of the questions that need a call: the right function is called, and no other",
    "name_of_several": "the same, where several functions are offered: elsewhere any call has the "
    "right name that keeps to what is offered",
    "arguments": "of the questions whose function is right: every argument is right",
    "each_argument": "of all arguments that the right calls need: given, with a right value, to "
    "the right function (interval by a bootstrap over questions)",
    "exact_call": "of the questions that need a call: function and all arguments are right",
    "exact_call_to_the_letter": "the same, with texts compared to the letter",
    "exact_call_by_the_leaderboard": "the same answers, by the AST checker of bfcl-eval",
    "no_call": "of the questions that no function fits: nothing is called, and the answer ended",
    "no_call_by_the_leaderboard": "the same answers: no call that can be read",
    "all": "of all questions: right by our verifier",
}


def share_of_arguments(verdicts: Sequence[Verdict]) -> Proportion:
    """The share of needed arguments that are right, with a bootstrap interval over questions.

    All or none right would leave the bootstrap nothing to vary: then it is as if each question had
    one argument.
    """
    counts = [(one.needed, one.given) for one in verdicts]
    total, right = sum(needed for needed, _ in counts), sum(given for _, given in counts)
    if right in (0, total):
        alike = proportion_of([right > 0] * len(counts))
        return alike.model_copy(update={"n": total, "successes": right})
    rng = random.Random(0)
    shares = []
    for _ in range(_DRAWS):
        drawn = rng.choices(counts, k=len(counts))
        shares.append(sum(given for _, given in drawn) / max(1, sum(needed for needed, _ in drawn)))
    shares.sort()
    low, high = shares[round(0.025 * _DRAWS)], shares[round(0.975 * _DRAWS) - 1]
    return Proportion(value=right / total, lo=low, hi=high, n=total, successes=right)


def by_category(verdicts: Sequence[Verdict]) -> dict[str, dict[str, Any]]:
    """The share of right answers of each of the leaderboard's categories."""
    names = sorted({one.category for one in verdicts})
    return {
        name: proportion_of(
            one.figures.exact for one in verdicts if one.category == name
        ).model_dump()
        for name in names
    }


def gained(before: Sequence[Verdict], after: Sequence[Verdict]) -> dict[str, dict[str, Any]]:
    """After against before on the same questions: the difference, and McNemar's exact test."""
    of: dict[str, Callable[[Verdict], bool]] = {
        "parses": lambda one: one.parses,
        "name": lambda one: one.figures.names_right,
        "exact_call": lambda one: one.figures.exact,
        "exact_call_by_the_leaderboard": lambda one: one.theirs,
    }
    known = {one.id: one for one in before}
    pairs = [(known[one.id], one) for one in after if one.id in known]
    calling = [pair for pair in pairs if pair[1].wants_call]
    found = {name: _paired(calling, is_so) for name, is_so in of.items()}
    if quiet := [pair for pair in pairs if not pair[1].wants_call]:
        found["no_call"] = _paired(quiet, lambda one: one.figures.exact)
    return found


def _paired(
    pairs: Sequence[tuple[Verdict, Verdict]], is_so: Callable[[Verdict], bool]
) -> dict[str, Any]:
    before, after = ([is_so(pair[side]) for pair in pairs] for side in (0, 1))
    test = compare("before", after, before)
    return difference(proportion_of(after), proportion_of(before)).model_dump() | {
        "only_after": test.only_student_right,
        "only_before": test.only_other_right,
        "mcnemar_p": test.p_value,
    }


def beside_the_leaderboard(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """How often the two judges agree on answers to questions that need a call."""
    asked = [one for one in verdicts if one.wants_call]
    ours = [one.id for one in asked if one.figures.exact and not one.theirs]
    theirs = [one.id for one in asked if one.theirs and not one.figures.exact]
    return {
        "answers": len(asked),
        "both_right": sum(one.figures.exact and one.theirs for one in asked),
        "neither": sum(not one.figures.exact and not one.theirs for one in asked),
        "only_ours": ours,
        "only_theirs": theirs,
        "disagree": len(ours) + len(theirs),
    }
