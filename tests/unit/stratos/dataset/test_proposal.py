"""Which verifier answers call for, by the rules that the module states."""

from __future__ import annotations

from collections import Counter

import pytest

from stratos.dataset.proposal import (
    MOST_LABELS,
    ProposedVerifier,
    propose_verifier,
    proposed_accuracy,
    proposed_splits,
)


def proposed(golds: list[str], num_calling: int = 0) -> ProposedVerifier:
    counted = Counter(golds)
    return propose_verifier(golds, counted if len(counted) <= MOST_LABELS else None, num_calling)


@pytest.mark.parametrize(
    ("golds", "kind"),
    [
        (["refund", "no refund"] * 20, "choice"),
        (["Refund", "refund"] * 20, "normalised"),
        ([str(n) for n in range(100)], "number"),
        ([f"{n:,}.50 €" for n in range(1000, 1100)], "number"),
        ([f'{{"total": {n}}}' for n in range(100)], "json"),
        ([f"city number {n} of many" for n in range(100)], "normalised"),
        ([f"{n} kg" for n in range(1, 90)], "number"),
        ([f"-{n}.5 %" for n in range(1, 90)], "number"),
        ([str(n % 5) for n in range(100)], "number"),
        (["1. refund", "2. exchange", "3. none"] * 9, "choice"),
        ([f"{n:05}" for n in range(1, 100)], "normalised"),
        ([f"Flat {n}" for n in range(100)], "normalised"),
        ([f"{n} " + "a text that explains something " * 3 for n in range(9)], "judge"),
        ([], "judge"),
    ],
)
def test_answers_of_a_kind_get_the_verifier_of_that_kind(golds, kind):
    assert proposed(golds).fields["kind"] == kind


def test_labels_are_listed_with_the_most_common_first():
    found = proposed(["b"] * 30 + ["a"] * 20)
    assert found.fields["choices"] == ["b", "a"]
    assert found.why == "2 answers that repeat: labels"


def test_answers_that_rarely_repeat_are_no_labels():
    streets = [f"street {n}" for n in range(40)]
    assert proposed(streets).fields["kind"] == "normalised"
    assert proposed(["no"] * 300 + streets[:30]).fields["kind"] == "normalised"


def test_replies_that_call_tools_are_judged_by_their_calls():
    assert proposed(["[]"] * 10, 40).fields["kind"] == "tool_call"


@pytest.mark.parametrize("num_records", [120, 200, 749, 750, 10_000])
def test_records_are_left_to_train_on_however_few_there_are(num_records):
    heldout, probe = proposed_splits(num_records)
    assert heldout >= 50
    assert probe >= 20
    assert num_records - heldout - probe >= 50


def test_too_few_records_say_how_many_it_takes():
    with pytest.raises(ValueError, match="119 rows can be used, and it takes at least 120"):
        proposed_splits(119)


def test_few_replies_that_call_leave_the_others_judged_by_their_words():
    assert proposed(["yes", "no"] * 43, 14).fields["kind"] == "choice"


@pytest.mark.parametrize("heldout", [50, 500])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.9, 0.98])
def test_a_constant_answer_does_not_reach_the_proposed_accuracy(share, heldout):
    assert share < proposed_accuracy(share, heldout) <= 1


def test_less_is_asked_where_the_interval_of_few_records_takes_more():
    assert proposed_accuracy(0.5, 50) < proposed_accuracy(0.5, 500) < 0.75
