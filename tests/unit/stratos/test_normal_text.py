"""Texts are compared in one form."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.normal_text import bounded_marks, fold, normalise, one_form, stream_safe


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
    assert len(bounded_marks("a" + "\u0301" * 1_000)) == 31
    assert stream_safe("a" * 1_000) == "a" * 1_000


@pytest.mark.parametrize("unseen", ["\u200b", "\u00ad", "\ufe0f"])
def test_marks_with_something_unseen_between_them_are_on_one_letter(unseen):
    assert len(stream_safe("a" + ("\u0301" * 30 + unseen) * 30)) == 31


def test_a_letter_that_may_have_marks_keeps_them_in_a_long_word():
    word = "स्वतंत्रता" * 10
    assert bounded_marks(word) == stream_safe(word) == word


@given(st.text(st.characters(categories=["Mn", "Lo"]), min_size=31, max_size=60))
def test_no_mark_is_dropped_of_what_has_no_more_than_thirty(text):
    runs = "".join("m" if unicodedata.combining(one) else " " for one in text).split()
    assert (bounded_marks(text) == text) is all(len(run) <= 30 for run in runs)


def test_no_script_without_marks_hides_one():
    hidden = re.compile("[\0-\u02ff\u3400-\u9fff\uac00-\ud7a3]")
    marks = (chr(code) for code in range(0x110000) if unicodedata.combining(chr(code)))
    assert not [mark for mark in marks if hidden.match(mark)]
