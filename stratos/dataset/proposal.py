"""What a dataset's answers look like, and so which verifier would judge them.

A proposal to begin with, by stated rules; a person reads it before anything is paid.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from stratos.normal_text import normalise
from stratos.scoring.json_text import is_json
from stratos.scoring.numbers import parse_number

MOST_LABELS = 50
"""More different answers are no list of labels."""
_LONGEST_LABEL = 80
_RECORDS_PER_LABEL = 5
"""On average; with fewer, answers that happen to repeat would be taken for labels."""
_LONGEST_SHORT_ANSWER = 60
"""Characters that a person would still call an answer and not a text."""
_BEGINS_AS_NUMBER = re.compile(r"\W*\d")
_MOST = 0.95
"""Share of answers that must be of a kind."""
_FEWEST_HELD_OUT, _FEWEST_PROBED, _FEWEST_TRAINED = 50, 20, 50


@dataclass(frozen=True)
class ProposedVerifier:
    """A verifier of the spec, and why it was proposed."""

    fields: dict[str, Any]
    why: str


def propose_verifier(golds: Sequence[str], num_calling: int) -> ProposedVerifier:
    """The verifier that fits most answers.

    Args:
        golds: Gold answers, or a sample of them.
        num_calling: Of the records, those whose reply calls a tool.
    """
    if num_calling > len(golds) / 10:
        return ProposedVerifier(
            {"kind": "tool_call"}, f"{num_calling} replies call tools; name and arguments count"
        )
    if not golds:
        return ProposedVerifier(
            {"kind": "judge"}, "no row has an answer, so a model must judge by criteria"
        )
    share = _share(golds, _is_number)
    if share >= _MOST:
        return ProposedVerifier({"kind": "number"}, f"{share:.0%} of the answers are numbers")
    if labels := _labels(golds):
        return ProposedVerifier(
            {"kind": "choice", "choices": labels},
            f"{len(labels)} different answers in {len(golds):,} rows: labels",
        )
    share = _share(golds, lambda text: text.lstrip()[:1] in ("{", "[") and is_json(text))
    if share >= _MOST:
        return ProposedVerifier({"kind": "json"}, f"{share:.0%} of the answers are JSON")
    share = _share(golds, lambda text: len(text) <= _LONGEST_SHORT_ANSWER)
    if share >= _MOST:
        return ProposedVerifier(
            {"kind": "normalised"},
            f"{share:.0%} of the answers have at most {_LONGEST_SHORT_ANSWER} characters; they are "
            "compared as words",
        )
    return ProposedVerifier(
        {"kind": "judge"}, "the answers are texts, which a model must judge by criteria"
    )


def proposed_splits(num_records: int) -> tuple[int, int]:
    """How many records to measure on and to probe with: a part, and at most the spec's defaults.

    Returns:
        `heldout_records` and `probe_records`.

    Raises:
        ValueError: with so few records none would be left to train on.
    """
    spare = num_records - _FEWEST_HELD_OUT - _FEWEST_PROBED - _FEWEST_TRAINED
    if spare < 0:
        raise ValueError(
            f"{num_records} rows can be used, and it takes at least {num_records - spare}: "
            f"{_FEWEST_HELD_OUT} to measure on, {_FEWEST_PROBED} to probe models with, "
            f"{_FEWEST_TRAINED} to train on"
        )
    return min(500, _FEWEST_HELD_OUT + spare * 2 // 5), min(200, _FEWEST_PROBED + spare // 5)


def proposed_accuracy(most_common_share: float) -> float:
    """A limit between what a constant answer scores and a perfect one, to two digits."""
    return round(min(0.95, most_common_share + 0.6 * (1 - most_common_share)), 2)


def _labels(golds: Sequence[str]) -> list[str]:
    """The labels, the most common first; none if the answers are none."""
    counted = Counter(gold.strip() for gold in golds)
    few = len(counted) <= min(MOST_LABELS, len(golds) / _RECORDS_PER_LABEL)
    if len(counted) < 2 or not few or max(map(len, counted)) > _LONGEST_LABEL:
        return []
    if len({normalise(label) for label in counted}) < len(counted):
        return []  # labels that differ by case or punctuation alone are no labels
    return sorted(counted, key=lambda label: (-counted[label], label))


def _is_number(text: str) -> bool:
    """A number, with a unit or a currency at most."""
    words = re.findall(r"[^\W\d_]+", text)
    return (
        bool(_BEGINS_AS_NUMBER.match(text)) and len(words) <= 1 and parse_number(text) is not None
    )


def _share(golds: Iterable[str], holds: Callable[[str], bool]) -> float:
    found = [holds(gold) for gold in golds]
    return sum(found) / len(found)
