"""Texts in the form in which they are compared."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from stratos.dataset.words import normalised, words_of


@given(st.text() | st.text(st.characters(max_codepoint=127)))
def test_text_is_normalised_alike_whatever_its_alphabet(text: str) -> None:
    expected = unicodedata.normalize("NFKC", text).casefold().split()
    assert normalised(text) == " ".join(expected)
    assert words_of(text) == expected


def test_marks_beyond_those_of_any_language_are_dropped() -> None:
    assert normalised("Q" + "\u0316\u0301" * 1_000) == "q" + "\u0316" * 15 + "\u0301" * 15
