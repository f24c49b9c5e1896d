"""Gold answers: read out of logged replies, and held to their own verifier."""

from __future__ import annotations

import re

from stratos.scoring.answers import marked_answer
from stratos.scoring.json_text import holds_json
from stratos.scoring.labels import chosen
from stratos.scoring.numbers import parse_quantity
from stratos.scoring.thinking import without_thinking
from stratos.scoring.tool_calls import calls_fault
from stratos.scoring.verifiers import is_correct
from stratos.spec import Choice, JsonSchema, LlmJudge, Number, Regex, ToolCalls, Verifier

_LETTER = re.compile(r"[^\W\d_]")


def gold_in(reply: str, verifier: Verifier, marker: str) -> str:
    """Return the answer in a logged reply; empty where it has none.

    It is what follows the last marker, if nothing follows that, or it can be nothing but an
    answer: a number alone, or a label. Otherwise it is the whole reply: logs are full of Markdown,
    in which `####` begins a heading.
    """
    if isinstance(verifier, ToolCalls):
        return reply.strip()
    said = without_thinking(reply)
    found = marked_answer(said, marker, strict=True)
    if found is None:
        loose = marked_answer(said, marker)
        found = loose if loose is not None and _is_bare(verifier, loose.answer) else None
    return said if found is None else found.answer


def gold_fault(verifier: Verifier, gold: str) -> str | None:
    """Return why a verifier rejects a gold answer, in words that do not quote it; None if it is
    right. A judge is not asked, nor is a checker, which runs inside jobs only."""
    if isinstance(verifier, ToolCalls):
        fault = calls_fault(gold)
        return None if fault is None else f"the gold answer lists no tool calls: {fault}"
    if isinstance(verifier, LlmJudge) or is_correct(verifier, gold, gold):
        return None
    match verifier:
        case Number():
            return "the gold answer does not hold exactly one number"
        case Choice():
            return "the gold answer does not name one of task.verifier.choices"
        case JsonSchema():
            if holds_json(gold):
                return "the gold answer does not hold task.verifier.json_schema"
            return "the gold answer holds no JSON, or several values of it"
        case Regex():
            return "the gold answer does not match task.verifier.pattern"
        case _:
            return f"the gold answer is not right for the {verifier.kind} verifier"


def _is_bare(verifier: Verifier, answer: str) -> bool:
    """Whether a line can be nothing but an answer."""
    match verifier:
        case Number():
            return not _LETTER.search(answer) and parse_quantity(answer) is not None
        case Choice():
            return chosen(answer, verifier.choices) is not None and len(answer.split()) <= max(
                len(choice.split()) for choice in verifier.choices
            )
        case _:
            return False
