"""A text names one label, or none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.scoring.labels import chosen

LABELS = ("refund", "no refund", "C", "C++", "3", "रुको")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Refund!", "refund"),
        ("I say no refund", "no refund"),
        ("no refund, and refund", None),
        ("We will not refund this", None),
        ("We won't refund this", None),
        ("refund. We could not send it.", "refund"),
        ("written in C++", "C++"),
        ("3.7", None),
        ("3. It was fine.", "3"),
        ("मैं रुको चुनता हूँ", "रुको"),
        ("रुक", None),
        ("", None),
    ],
)
def test_a_text_names_the_label_it_says(text, label):
    assert chosen(text, LABELS) == label


@given(
    st.sampled_from(LABELS), st.sampled_from(["{}", "**{}**", "{}.", "The label is {}.", "`{}`"])
)
def test_every_label_is_found_in_a_plain_sentence(label, sentence):
    assert chosen(sentence.format(label), LABELS) == label
