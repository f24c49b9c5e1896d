"""Gold answers are read out of logs, and those that their verifier rejects are told."""

from __future__ import annotations

import pytest

from stratos.scoring.gold import gold_fault, gold_in
from stratos.spec import (
    Choice,
    Exact,
    JsonSchema,
    LlmJudge,
    Normalised,
    Number,
    OpenAICompatible,
    Regex,
    SetOf,
    ToolCalls,
)

JUDGE = LlmJudge(
    kind="judge",
    criteria="right",
    model=OpenAICompatible(kind="openai", base_url="http://judge", model="judge"),
)
LABELS = Choice(kind="choice", choices=("spam", "ham"))
NAMED = JsonSchema(kind="json", json_schema={"type": "object", "required": ["name"]})


@pytest.mark.parametrize(
    ("verifier", "gold", "words"),
    [
        (Number(kind="number"), "3 to 5", "exactly one number"),
        (LABELS, "eggs", "task.verifier.choices"),
        (NAMED, "none", "no JSON"),
        (NAMED, '{"age": 3}', "task.verifier.json_schema"),
        (ToolCalls(kind="tool_call"), "call me", "lists no tool calls"),
        (Regex(kind="regex", pattern="[a-z]+"), "A1", "task.verifier.pattern"),
    ],
)
def test_a_gold_answer_that_its_verifier_rejects_is_told_without_quoting_it(verifier, gold, words):
    fault = gold_fault(verifier, gold)
    assert words in fault
    assert gold not in fault


@pytest.mark.parametrize(
    ("verifier", "gold"),
    [
        (JUDGE, "anything"),
        (Number(kind="number"), "$3"),
        (LABELS, "Spam."),
        (NAMED, '{"name": "x"}'),
        (ToolCalls(kind="tool_call"), '{"any_of": [[], [{"name": "now"}]]}'),
        (Regex(kind="regex", pattern="[a-z]+"), "abc"),
        (SetOf(kind="set"), "a b"),
        (Exact(kind="exact"), "x"),
        (Normalised(kind="normalised"), "???"),
    ],
)
def test_a_gold_answer_that_can_be_reached_has_no_fault(verifier, gold):
    assert gold_fault(verifier, gold) is None


def test_headings_of_logged_replies_are_no_gold_answers():
    reply = "#### What happened\nIt was paid twice.\n\n#### Next steps\n\n1. We refund it."
    for verifier in (Exact(kind="exact"), Normalised(kind="normalised"), JUDGE):
        assert gold_in(reply, verifier, "####") == reply
        assert gold_in(reply, verifier, "") == reply


def test_another_marker_marks_all_that_follows():
    reply = "It is so.\nAnswer: Paris\nRome"
    assert gold_in(reply, Exact(kind="exact"), "Answer:") == "Paris\nRome"
