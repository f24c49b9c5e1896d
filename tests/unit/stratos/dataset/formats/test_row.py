"""Values of rows."""

from __future__ import annotations

import pytest

from stratos.dataset.formats.row import RowError, name_of, read_json, value_text


@pytest.mark.parametrize(
    ("value", "told"),
    [(4, "4"), (4.5, "4.5"), (True, "true"), ({"a": ["é"]}, '{"a": ["é"]}'), (" x ", " x ")],
)
def test_an_answer_is_text_or_the_json_of_a_value(value: object, told: str) -> None:
    assert value_text(value) == told


@pytest.mark.parametrize(
    ("written", "text"),
    [("\\ud83d\\ude00", "😀"), ("\\uD83D\\uDE00", "😀"), ("\\\\ud800", "\\ud800")],
)
def test_a_whole_character_of_two_halves_is_text(written: str, text: str) -> None:
    assert read_json(f'{{"a": "{written}"}}', "it") == {"a": text}


@pytest.mark.parametrize("half", ["\\ud83d", "\\uDE00", "\\ude00\\ud83d"])
def test_half_of_a_character_is_named(half: str) -> None:
    with pytest.raises(RowError, match=r"it has \\u(d83d|de00), half of a surrogate pair"):
        read_json(f'{{"a": "{half}"}}', "it")


def test_names_are_texts_and_whole_numbers() -> None:
    assert [name_of(v) for v in ("a", 7, "", None, True, 1.5)] == ["a", "7", None, None, None, None]
