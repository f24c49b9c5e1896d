"""Which verifier answers call for, by the rules that the module states."""

from __future__ import annotations

import pytest

from stratos.dataset.proposal import propose_verifier, proposed_accuracy, proposed_splits


@pytest.mark.parametrize(
    ("golds", "kind"),
    [
        (["refund", "no refund"] * 20, "choice"),
        (["Refund", "refund"] * 20, "normalised"),
        ([str(n) for n in range(100)], "number"),
        ([f"{n:,}.50 €" for n in range(1000, 1100)], "number"),
        ([f'{{"total": {n}}}' for n in range(100)], "json"),
        ([f"city number {n} of many" for n in range(100)], "normalised"),
        (["12 kg", "€ 5", "-3.5 %", "1e6"] * 9, "number"),
        ([f"Flat {n}" for n in range(100)], "normalised"),
        ([f"{n} " + "a text that explains something " * 3 for n in range(9)], "judge"),
        ([], "judge"),
    ],
)
def test_answers_of_a_kind_get_the_verifier_of_that_kind(golds, kind):
    assert propose_verifier(golds, 0).fields["kind"] == kind


def test_labels_are_listed_with_the_most_common_first():
    proposed = propose_verifier(["b"] * 30 + ["a"] * 20, 0)
    assert proposed.fields["choices"] == ["b", "a"]
    assert proposed.why == "2 different answers in 50 rows: labels"


def test_answers_that_rarely_repeat_are_no_labels():
    assert propose_verifier([f"street {n}" for n in range(40)], 0).fields["kind"] == "normalised"


def test_replies_that_call_tools_are_judged_by_their_calls():
    assert propose_verifier(["[]"] * 10, 40).fields["kind"] == "tool_call"


@pytest.mark.parametrize("num_records", [120, 200, 749, 750, 10_000])
def test_records_are_left_to_train_on_however_few_there_are(num_records):
    heldout, probe = proposed_splits(num_records)
    assert heldout >= 50
    assert probe >= 20
    assert num_records - heldout - probe >= 50


def test_too_few_records_say_how_many_it_takes():
    with pytest.raises(ValueError, match="119 rows can be used, and it takes at least 120"):
        proposed_splits(119)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_a_constant_answer_does_not_reach_the_proposed_accuracy(share):
    assert share < proposed_accuracy(share) or share > 0.9
