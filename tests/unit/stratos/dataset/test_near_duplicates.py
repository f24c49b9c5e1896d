"""Near-duplicate questions."""

from __future__ import annotations

import pytest

from stratos.dataset.near_duplicates import MIN_WORDS, NearDuplicates
from tests.unit.stratos.dataset.inspecting import record


@pytest.mark.parametrize(
    ("changed_words", "same_gold", "expected"),
    [(1, True, True), (1, False, False), (MIN_WORDS, True, False)],
)
def test_near_means_many_shingles_in_common_and_the_same_answer(
    changed_words: int, same_gold: bool, expected: bool
) -> None:
    words = [f"w{i}" for i in range(100)]
    index = NearDuplicates()
    index.add(record(words, "yes"))
    words[:changed_words] = [f"other{i}" for i in range(changed_words)]
    assert index.holds_one_like(record(words, "yes" if same_gold else "no")) is expected


def test_the_record_that_a_question_resembles_is_named() -> None:
    words = [f"w{i}" for i in range(100)]
    index = NearDuplicates()
    index.add(record(words, "yes").model_copy(update={"provenance": "d.jsonl:3"}))
    assert index.one_like(" ".join(["other", *words]), "yes") == "d.jsonl:3"
    assert index.one_like(" ".join(words[::-1]), "yes") is None


def test_changes_all_over_a_form_do_not_hide_that_it_is_one() -> None:
    form = [f"w{i}" for i in range(600)]
    index = NearDuplicates()
    index.add(record(form, "yes"))
    for spacing in range(60, 100):
        for shift in range(0, spacing, 7):
            filled = list(form)
            for place in range(shift, len(form), spacing):
                filled[place] = f"value{place}"
            assert index.holds_one_like(record(filled, "yes")), (spacing, shift)


def test_a_run_that_is_repeated_does_not_stand_for_the_whole_question() -> None:
    words = [f"w{i}" for i in range(300)]
    index = NearDuplicates()
    index.add(record(words, "yes"))
    assert index.holds_one_like(record([*words, *["spam"] * 20_000], "yes"))
