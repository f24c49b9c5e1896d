"""Verifiers: does an answer equal the gold answer, in the sense the spec names?"""

from __future__ import annotations

import json
import re
import unicodedata
from decimal import Decimal

from stratos.scoring.answers import elements, unfenced
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

_NUMBER = re.compile(r"[-+−]?(?:\d[\d,_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_FRACTION = re.compile(r"\s*([-+−]?\d+)\s*/\s*(\d+)\s*")
_SEPARATORS = re.compile(r"[\W_]+")


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
            return re.fullmatch(verifier.pattern, answer.strip()) is not None
        case Exact():
            return answer.strip() == gold.strip()
        case Normalised():
            return normalise(answer) == normalise(gold)
        case Number():
            return _same_number(answer, gold, verifier.tolerance)
        case Choice():
            chosen = _choice(answer, verifier.choices)
            return chosen is not None and chosen == _choice(gold, verifier.choices)
        case SetOf():
            found = elements(answer, verifier.separator)
            return set(found) == set(elements(gold, verifier.separator))
        case JsonSchema():
            return _same_json(answer, gold, verifier.json_schema)
        case ToolCalls():
            return compare_calls(verifier, answer, gold).exact


def normalise(text: str) -> str:
    """Fold case and width, and turn each run of space and punctuation into one space."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _SEPARATORS.sub(" ", folded).strip()


def parse_number(text: str) -> Decimal | None:
    """Read the one number in a text: `1,250.50`, `$12`, `3/4`, `15%`; None unless there is one."""
    fraction = _FRACTION.fullmatch(text)
    found = _NUMBER.findall(text)
    try:
        if fraction and (divisor := Decimal(fraction[2])):
            return Decimal(fraction[1].replace("−", "-")) / divisor
        if len(found) != 1:
            return None
        return Decimal(re.sub("[,_]", "", found[0]).replace("−", "-"))
    except ArithmeticError:
        return None


def _same_number(answer: str, gold: str, tolerance: float) -> bool:
    ours, theirs = parse_number(answer), parse_number(gold)
    if ours is None or theirs is None:
        return False
    return abs(ours - theirs) <= Decimal(str(tolerance))


def _choice(text: str, choices: tuple[str, ...]) -> str | None:
    """The one choice a text names: the text itself, or the only choice that occurs in it."""
    wanted = {normalise(choice): choice for choice in choices}
    said = normalise(text)
    if said in wanted:
        return wanted[said]
    inside = [key for key in wanted if key and f" {key} " in f" {said} "]
    return wanted[inside[0]] if len(inside) == 1 else None


def _same_json(answer: str, gold: str, schema: dict[str, object] | None) -> bool:
    ours, theirs = json.loads(unfenced(answer)), json.loads(unfenced(gold))
    if schema is not None and not is_valid(ours, schema):
        return False
    return _canonical(ours) == _canonical(theirs)


def _canonical(value: object) -> str:
    """JSON text in which 1 and 1.0 are equal, and true and 1 are not."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    elif isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    elif isinstance(value, dict):
        pairs = (f"{json.dumps(key)}:{_canonical(value[key])}" for key in sorted(value))
        return "{" + ",".join(pairs) + "}"
    return json.dumps(value)
