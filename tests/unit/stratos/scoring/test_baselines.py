"""Answers that need no model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.scoring.baselines import NearestQuestion, constant_answer


def test_the_constant_answer_is_the_most_frequent_one():
    assert constant_answer(["b", "a", "a", "b", "c"]) == "b"
    with pytest.raises(ValueError, match="label some train records"):
        constant_answer([])


def test_the_nearest_question_lends_its_answer():
    nearest = NearestQuestion(
        ["how far is the moon", "how hot is the sun", "who wrote Faust"], ["384400", "5500", "G"]
    )
    assert nearest.answer("how hot is the sun today") == "5500"
    assert nearest.answer("who wrote Faust") == "G"
    assert nearest.answer("ßßß") == "384400"


@given(st.lists(st.text(alphabet="abc ", max_size=12), min_size=1, max_size=8), st.data())
def test_nearest_is_the_largest_jaccard_index_of_trigrams(questions, data):
    def grams(text):
        padded = f" {text} "
        return {padded[i : i + 3] for i in range(max(1, len(padded) - 2))}

    def jaccard(one, other):
        return len(one & other) / len(one | other)

    asked = data.draw(st.text(alphabet="abcd ", max_size=12))
    golds = [str(number) for number in range(len(questions))]
    similarities = [jaccard(grams(asked), grams(question)) for question in questions]
    found = int(NearestQuestion(questions, golds).answer(asked))
    assert similarities[found] == pytest.approx(max(similarities))
