"""Texts are compared in one form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.normal_text import fold, normalise, one_form, stream_safe


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("  New-York,  CITY! ", "new york city"),
        ("C++ and C#.", "c++ and c#"),
        ("-1, +1, 3.7 and 5%", "-1 1 3.7 and 5%"),
        ("blood group O-", "blood group o-"),
        ("_Paris_ `Rome`", "paris rome"),
        ("दिन", "दिन"),
        ("a\u00adb\u200bc", "abc"),
        ("???", "???"),
        ("", ""),
    ],
)
def test_space_and_punctuation_fold_and_signs_stay(text, form):
    assert normalise(text) == form


@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing_more(text):
    assert normalise(normalise(text)) == normalise(text)


def test_a_character_may_be_written_in_two_ways():
    assert one_form("e\u0301") == one_form("é")
    assert fold("ＡＢＣ") == "abc"


def test_marks_beyond_those_of_any_language_are_dropped():
    assert len(stream_safe("a" + "\u0301" * 1_000)) == 31
    assert stream_safe("a" * 1_000) == "a" * 1_000
