"""Verifiers: does an answer equal the gold answer, in the sense the spec names?"""

from __future__ import annotations

import json

from stratos.normal_text import normalise, one_form
from stratos.scoring.answers import elements
from stratos.scoring.json_text import json_in
from stratos.scoring.json_values import equal_json, read_json
from stratos.scoring.labels import chosen
from stratos.scoring.numbers import same_number
from stratos.scoring.tool_calls import compare_calls
from stratos.spec import (
    Choice,
    Exact,
    JsonSchema,
    LlmJudge,
    Normalised,
    Number,
    Regex,
    SetOf,
    ToolCalls,
    Verifier,
)
from stratos.spec.json_schema import is_valid
from stratos.spec.patterns import matches


def needs_gold(verifier: Verifier) -> bool:
    """Whether the verifier compares with a gold answer; `regex` and `judge` do not."""
    return not isinstance(verifier, Regex | LlmJudge)


def is_correct(verifier: Verifier, answer: str, gold: str | None) -> bool:
    """Tell whether `answer` is right. One that cannot be read, however odd, is wrong.

    Args:
        gold: The right answer; None only for a verifier that needs none.

    Raises:
        ValueError: when the verifier needs a gold answer and there is none, or is a model, which
            only asked inside jobs (`training.judging.judge`).
        PatternRefused: when the spec is from before and its pattern cannot be matched in linear
            time; reading a spec refuses one.
    """
    if isinstance(verifier, LlmJudge):
        raise ValueError(
            f"the judge {verifier.model.name!r} is asked only inside training jobs; "
            "no rule decides its answers"
        )
    if gold is None and needs_gold(verifier):
        raise ValueError(f"the {verifier.kind} verifier needs a gold answer")
    try:
        return _agrees(verifier, answer, gold or "")
    except (ArithmeticError, RecursionError, ValueError):
        return False


def _agrees(
    verifier: Exact | Normalised | Number | Choice | SetOf | JsonSchema | ToolCalls | Regex,
    answer: str,
    gold: str,
) -> bool:
    match verifier:
        case Regex():
            return matches(verifier.pattern, answer.strip())
        case Exact():
            return answer.strip() == gold.strip()
        case Normalised():
            return answer == gold or normalise(answer) == normalise(gold)
        case Number():
            return same_number(answer, gold, verifier.tolerance)
        case Choice():
            label = chosen(answer, verifier.choices)
            return label is not None and label == chosen(gold, verifier.choices)
        case SetOf():
            return _same_items(answer, gold, verifier.separator)
        case JsonSchema():
            return _same_json(answer, gold, verifier.json_schema)
        case ToolCalls():
            return compare_calls(verifier, answer, gold).exact


def _same_items(answer: str, gold: str, separator: str) -> bool:
    ours, theirs = (set(elements(one_form(text), separator)) for text in (answer, gold))
    return ours == theirs


def _same_json(answer: str, gold: str, schema: dict[str, object] | None) -> bool:
    said = json_in(answer)
    if schema is not None and not is_valid(json.loads(said), schema):
        return False
    return equal_json(read_json(said), read_json(json_in(gold)))
