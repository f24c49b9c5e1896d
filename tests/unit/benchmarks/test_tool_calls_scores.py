"""What an answer is worth, and what the shares are shares of."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.bfcl_cases import Calls, Case
from benchmarks.tool_calls_scores import (
    MEANING,
    Answer,
    Verdict,
    arguments_given,
    beside_the_leaderboard,
    by_category,
    figures_of,
    gained,
    verdict_on,
)
from stratos.hosting.chat_request import UNREADABLE
from stratos.statistics.wilson import proportion

GOLD = json.dumps([{"name": "f", "arguments": {"x": 1, "city": "Bonn"}, "any_of": {"y": [2]}}])
CALL = Case("q", "multiple", [{}, {}], [{"f": {"x": [1], "city": ["Bonn"]}}], [])
NO_CALL = Case("n", "irrelevance", [], [], [])


def called(*calls: dict[str, Any], finished: bool = True) -> Answer:
    return Answer(list(calls), "", finished)


def f(**arguments: object) -> dict[str, Any]:
    return {"name": "f", "arguments": arguments}


def judged(answer: Answer, case: Case = CALL, *, theirs: bool = True) -> Verdict:
    gold = GOLD if case.possible else "[]"

    def checker(_case: Case, _calls: Calls) -> bool:
        return theirs

    return verdict_on(case, gold, answer, checker)


RIGHT = judged(called(f(x=1, city="Bonn")))
HALF = judged(called(f(x=1, city="Rome")), theirs=False)
MISNAMED = judged(called({"name": "g", "arguments": {"x": 1, "city": "Bonn"}}), theirs=False)
SAID = judged(Answer([], "It is Bonn.", True))
QUIET = judged(Answer([], "None of them.", True), NO_CALL)
LOUD = judged(called(f(x=1)), NO_CALL)


def test_a_right_call_is_right_in_every_respect() -> None:
    assert RIGHT.parses
    assert RIGHT.figures.exact
    assert RIGHT.exact_text
    assert RIGHT.theirs
    assert (RIGHT.needed, RIGHT.given) == (2, 2)


def test_capitals_count_only_to_the_letter() -> None:
    found = judged(called(f(x=1, city="BONN")))
    assert found.figures.exact
    assert not found.exact_text


def test_an_answer_that_was_cut_is_wrong_for_both_judges() -> None:
    found = judged(called(f(x=1, city="Bonn"), finished=False))
    assert not found.parses
    assert not found.figures.exact
    assert not found.theirs
    assert found.given == 0


def test_a_call_that_cannot_be_read_does_not_parse() -> None:
    found = judged(called({"name": "", "arguments": {UNREADABLE: "<tool_call>["}}))
    assert not found.parses
    assert not found.theirs


def test_an_answer_in_words_calls_nothing() -> None:
    assert not SAID.parses
    assert not SAID.theirs
    assert QUIET.figures.exact
    assert QUIET.theirs
    assert not LOUD.figures.exact
    assert not LOUD.theirs


def test_where_nothing_fits_only_ours_wants_the_answer_to_end() -> None:
    found = judged(Answer([], "None of them, none of", False), NO_CALL)
    assert not found.figures.exact
    assert found.theirs


@pytest.mark.parametrize(
    ("calls", "given"),
    [
        ([f(x=1, city="bonn ")], 2),
        ([f(x=1, city="Rome")], 1),
        ([f(city="Bonn", x="1")], 1),
        ([{"name": "g", "arguments": {"x": 1, "city": "Bonn"}}], 0),
        ([{"name": "g", "arguments": {}}, f(x=1)], 1),
        ([], 0),
    ],
)
def test_arguments_count_in_a_call_of_their_function(calls: Calls, given: int) -> None:
    assert arguments_given(GOLD, calls) == (2, given)


def test_one_of_several_right_values_is_right() -> None:
    gold = json.dumps([{"name": "f", "arguments": {"x": 1}, "any_of": {"x": [2]}}])
    assert arguments_given(gold, [f(x=2)]) == (1, 1)


def test_each_right_call_is_held_against_a_call_of_its_own() -> None:
    gold = json.dumps([{"name": "f", "arguments": {"x": 1}}] * 2)
    assert arguments_given(gold, [f(x=1)]) == (2, 1)


def test_shares_are_of_what_they_say() -> None:
    figures = figures_of([RIGHT, HALF, MISNAMED, SAID, QUIET, LOUD])
    counts = {name: (share["successes"], share["n"]) for name, share in figures.items()}
    assert figures.keys() == MEANING.keys()
    assert counts == {
        "parses": (3, 4),
        "name": (2, 4),
        "name_of_several": (2, 4),
        "arguments": (1, 2),
        "each_argument": (3, 8),
        "exact_call": (1, 4),
        "exact_call_to_the_letter": (1, 4),
        "exact_call_by_the_leaderboard": (1, 4),
        "no_call": (1, 2),
        "no_call_by_the_leaderboard": (1, 2),
        "all": (2, 6),
    }
    assert all(share["lo"] <= share["value"] <= share["hi"] for share in figures.values())


def test_no_right_argument_has_the_interval_of_its_questions() -> None:
    share = figures_of([SAID, MISNAMED])["each_argument"]
    assert (share["value"], share["n"]) == (0.0, 4)
    assert share["hi"] == proportion(0, 2).hi


def test_categories_are_told_apart() -> None:
    shares = by_category([RIGHT, HALF, QUIET])
    assert {name: share["value"] for name, share in shares.items()} == {
        "irrelevance": 1.0,
        "multiple": 0.5,
    }


def test_a_gain_is_paired_question_by_question() -> None:
    before = [replace(one, id=str(i)) for i, one in enumerate([SAID, SAID, RIGHT, LOUD])]
    after = [replace(one, id=str(i)) for i, one in enumerate([RIGHT, RIGHT, HALF, QUIET, LOUD])]
    found = gained(before, after)
    assert found["exact_call"]["value"] == pytest.approx(1 / 3)
    assert (found["exact_call"]["only_after"], found["exact_call"]["only_before"]) == (2, 1)
    assert found["exact_call"]["mcnemar_p"] == 1.0
    assert found["no_call"]["value"] == 1.0
    assert "no_call" not in gained(before[:3], after)


def test_disagreements_of_the_judges_are_named() -> None:
    ours = judged(called(f(x=1, city="Bonn")), theirs=False)
    theirs = judged(called(f(x=1, city="Rome")), theirs=True)
    found = beside_the_leaderboard([RIGHT, HALF, ours, theirs, QUIET])
    assert found == {
        "answers": 4,
        "both_right": 1,
        "neither": 1,
        "only_ours": ["q"],
        "only_theirs": ["q"],
        "disagree": 2,
    }
