"""The published table of answers is what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratos.scoring.gold import gold_fault, gold_in
from stratos.scoring.published import answers_page, published_answers
from stratos.scoring.reply import judge_reply
from stratos.scoring.verifiers import needs_gold

TABLE = published_answers(Path(__file__).parents[4] / "docs" / "answers.json")
JUDGED = [(group.verifier, case) for group in TABLE.replies for case in group.cases]
LOGGED = [(group.verifier, case) for group in TABLE.logged for case in group.cases]


@pytest.mark.parametrize(("verifier", "case"), JUDGED, ids=lambda value: repr(value)[:80])
def test_a_reply_is_judged_as_the_table_says(verifier, case):
    said = judge_reply(case.reply, finished=True, marker="####", verifier=verifier, gold=case.gold)
    assert said.is_right is case.right, (said.reason, said.read.answer)


@pytest.mark.parametrize(("verifier", "case"), LOGGED, ids=lambda value: repr(value)[:80])
def test_a_logged_reply_has_the_gold_answer_that_the_table_says(verifier, case):
    assert gold_in(case.reply, verifier, "####") == case.gold


@pytest.mark.parametrize(("verifier", "case"), LOGGED, ids=lambda value: repr(value)[:80])
def test_a_logged_reply_is_right_by_the_gold_answer_that_is_read_in_it(verifier, case):
    said = judge_reply(case.reply, finished=True, marker="####", verifier=verifier, gold=case.gold)
    assert said.is_right is (gold_fault(verifier, case.gold) is None)


def test_every_gold_answer_of_the_table_passes_its_own_verifier():
    faults = [
        (verifier.kind, case.gold)
        for verifier, case in JUDGED
        if needs_gold(verifier) and gold_fault(verifier, case.gold) is not None
    ]
    assert faults == []


def test_the_page_shows_every_case_and_stays_a_table():
    page = answers_page(TABLE)
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    heads = 2 * (len(TABLE.replies) + len(TABLE.logged))
    assert len(rows) == len(JUDGED) + len(LOGGED) + heads
    assert {line.replace("\\|", "").count("|") for line in rows} == {3, 4}
