"""No scorer raises, whatever a model writes, and none takes more than n log n steps.

Steps are counted, not seconds: the lines of our own code that run, and for what the standard
library does inside one line the characters that it is given.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratos.scoring.gold import gold_fault, gold_in
from stratos.scoring.reply import judge_reply
from stratos.scoring.tool_calls import compare_calls
from stratos.scoring.verifiers import is_correct
from stratos.spec import (
    Choice,
    Exact,
    JsonSchema,
    Normalised,
    Number,
    Regex,
    SetOf,
    ToolCalls,
    Verifier,
)

SCHEMA = {
    "type": ["object", "array"],
    "properties": {"a": {"pattern": "^(a+)+$"}},
    "additionalProperties": {"type": ["string", "number", "array", "object"]},
    "items": {"type": ["object", "array", "number", "string"]},
    "uniqueItems": True,
}
VERIFIERS: list[tuple[Verifier, str]] = [
    (Exact(kind="exact"), "72"),
    (Normalised(kind="normalised"), "New York"),
    (Number(kind="number", tolerance=0.5), "72"),
    (Choice(kind="choice", choices=("spam", "ham", "垃圾")), "spam"),
    (SetOf(kind="set", separator=","), "a, b"),
    (JsonSchema(kind="json"), '{"a": 1}'),
    (JsonSchema(kind="json", json_schema=SCHEMA), '{"a": "a"}'),
    (ToolCalls(kind="tool_call", tolerance=0.5, text="normalised"), '[{"name": "f"}]'),
    (Regex(kind="regex", pattern="(a+)+"), "aa"),
]
ODD = [
    "a", "1", "-", "#", "####", "#### ", "\n", " ", "*", "**", "`", "```json\n", "```", "{", "[",
    "[]", "{}", "[1,", '{"a":', '"', "\\", "<think>", "</think>", "1,", "1.", "1/", "1 ", "1e9",
    "=", "½", "²", "\u0301", "\u0301\u0316", "ﷺ", "\u200d", "न", "ि", "not ", "spam ", "ham, ",
    '[{"name": "f", "arguments": {}}]', '{"name": "f"},', "\ud800", "\x00", "$", "{a",
]  # fmt: skip


@settings(max_examples=300)
@given(
    st.sampled_from(VERIFIERS),
    st.text(max_size=60) | st.lists(st.sampled_from(ODD), max_size=12).map("".join),
)
def test_no_answer_raises(pair, text):
    verifier, gold = pair
    assert is_correct(verifier, text, gold) in (True, False)
    assert is_correct(verifier, gold, text) in (True, False)
    judge_reply(text, finished=True, marker="####", verifier=verifier, gold=gold)
    read = gold_in(text, verifier, "####")
    assert gold_fault(verifier, read) is None or not is_correct(verifier, read, read)
    if isinstance(verifier, ToolCalls):
        figures = compare_calls(verifier, text, gold)
        assert figures.exact is is_correct(verifier, text, gold)


@pytest.mark.parametrize(("verifier", "gold"), VERIFIERS, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("piece", ODD, ids=ascii)
def test_no_answer_takes_more_than_n_log_n_steps(verifier, gold, piece):
    def judged(count: int) -> int:
        text = piece * count
        return counted(
            lambda: (
                judge_reply(text, finished=True, marker="####", verifier=verifier, gold=gold),
                gold_in(text, verifier, "####"),
            )
        )

    few, many = judged(25), judged(200)
    assert many <= 8 * 1.5 * few + 5_000, (few, many)


def counted(run: Callable[[], Any]) -> int:
    """Lines of scoring that run, and characters given to what takes more than one step a line."""
    steps = 0
    here = str(Path(is_correct.__code__.co_filename).parents[1])

    def on_line(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal steps
        if event == "line":
            steps += 1
        return on_line

    def on_call(frame: FrameType, _event: str, _argument: Any) -> Any:
        nonlocal steps
        if not frame.f_code.co_filename.startswith(here):
            return None
        steps += 1 + sum(
            len(value) for value in frame.f_locals.values() if isinstance(value, str | list | dict)
        )
        return on_line

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        run()
    finally:
        sys.settrace(before)
    return steps


def test_the_counter_tells_linear_from_quadratic():
    def all_pairs(count: int) -> int:
        answers = ["x"] * count
        figures = ToolCalls(kind="tool_call")
        return counted(
            lambda: [compare_calls(figures, one, one) for one in answers for _ in answers]
        )

    assert all_pairs(40) > 8 * 1.5 * all_pairs(10)


def test_marks_on_one_letter_are_bounded_before_they_are_normalised(monkeypatch):
    given_texts: list[str] = []
    plain = unicodedata.normalize

    def watched(form: str, text: str) -> str:
        given_texts.append(text)
        return plain(form, text)

    monkeypatch.setattr(unicodedata, "normalize", watched)
    text = "a" + "\u0301\u0316" * 5_000
    for verifier, gold in VERIFIERS:
        is_correct(verifier, text, gold)
    marks = max(len(run) for seen in given_texts for run in re.findall(r"[\u0300-\u036f]+", seen))
    assert marks <= 60
