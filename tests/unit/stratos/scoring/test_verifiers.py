"""Verifiers tell right answers from wrong ones."""

from __future__ import annotations

import pytest

from stratos.scoring.verifiers import is_correct, needs_gold
from stratos.spec import Choice, Exact, JsonSchema, Normalised, Number, Regex, SetOf

EXACT = Exact(kind="exact")
NORMALISED = Normalised(kind="normalised")
NUMBER = Number(kind="number")
CHOICE = Choice(kind="choice", choices=("refund", "no refund", "escalate"))
SET = SetOf(kind="set")
JSON = JsonSchema(kind="json")
DIGITS = Regex(kind="regex", pattern=r"\d{3}")


@pytest.mark.parametrize(
    ("verifier", "answer", "gold", "expected"),
    [
        (EXACT, " Paris\n", "Paris", True),
        (EXACT, "paris", "Paris", False),
        (NORMALISED, "New-York,  CITY!", "new york city", True),
        (NORMALISED, "newyork", "new york", False),
        (NORMALISED, "Ⅳ", "iv", True),
        (NUMBER, "$1,250.50", "1250.5", True),
        (NUMBER, "3/4", "0.75", True),
        (NUMBER, "-7", "7", False),
        (NUMBER, "between 3 and 4", "3", False),
        (NUMBER, "1e3", "1000", True),
        (NUMBER, "no idea", "0", False),
        (Number(kind="number", tolerance=0.01), "3.14", "3.1415", True),
        (Number(kind="number", tolerance=0.1), "0.3", "0.2", True),
        (Number(kind="number", tolerance=0.001), "3.14", "3.1415", False),
        (CHOICE, "Refund.", "refund", True),
        (CHOICE, "I would escalate this", "escalate", True),
        (CHOICE, "refund or escalate", "refund", False),
        (CHOICE, "something else", "refund", False),
        (CHOICE, "no refund", "refund", False),
        (SET, "s9  s6", "s6 s9", True),
        (SET, "s6 s9 s9", "s6 s9", True),
        (SET, "s6", "s6 s9", False),
        (SET, "s6 s9 m1", "s6 s9", False),
        (SetOf(kind="set", separator=","), "red, dark blue", "dark blue,red", True),
        (JSON, '{"b": [1, 2.0], "a": true}', '{"a": true, "b": [1.0, 2]}', True),
        (JSON, '{"a": 1}', '{"a": true}', False),
        (JSON, "```json\n[1]\n```", "[1]", True),
        (JSON, "[1", "[1]", False),
        (DIGITS, "123", None, True),
        (DIGITS, "1234", None, False),
    ],
)
def test_a_verifier_tells_right_from_wrong(verifier, answer, gold, expected):
    assert is_correct(verifier, answer, gold) is expected


def test_a_json_answer_must_also_hold_its_schema():
    verifier = JsonSchema(kind="json", json_schema={"type": "object", "required": ["name"]})
    assert not is_correct(verifier, '{"age": 3}', '{"age": 3}')
    assert is_correct(verifier, '{"name": "x"}', '{"name": "x"}')


def test_only_a_regex_needs_no_gold_answer():
    assert not needs_gold(DIGITS)
    with pytest.raises(ValueError, match="exact verifier needs a gold answer"):
        is_correct(EXACT, "x", None)
