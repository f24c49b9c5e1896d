"""What a dataset's answers look like, and so which verifier would judge them.

A proposal to begin with, by stated rules; a person reads it before anything is paid.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
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
_FEWEST_OF_A_LABEL = 2
_BEGINS_AS_NUMBER = re.compile(r"[^\w]*(?!0\d)\d")
_LETTERS = re.compile(r"[^\W\d_]+")
_MOST = 0.95
"""Share of answers that must be of a kind."""
_FEWEST_HELD_OUT, _FEWEST_PROBED, _FEWEST_TRAINED = 50, 20, 50


@dataclass(frozen=True)
class ProposedVerifier:
    """A verifier of the spec, and why it was proposed."""

    fields: dict[str, Any]
    why: str


def propose_verifier(
    golds: Sequence[str], labels: Mapping[str, int] | None, num_calling: int
) -> ProposedVerifier:
    """The verifier that fits most answers.

    Args:
        golds: Gold answers, or a sample of them.
        labels: Every different answer → how often; None if there are more than `MOST_LABELS`.
        num_calling: Of as many records, those whose reply calls a tool.
    """
    if num_calling > len(golds) / 2:
        return ProposedVerifier(
            {"kind": "tool_call"},
            f"{num_calling:,} replies call tools: names and arguments are compared",
        )
    if not golds:
        return ProposedVerifier(
            {"kind": "judge"}, "no row has an answer, so a model must judge by criteria"
        )
    are_numbers = _share(golds, _is_number) >= _MOST
    have_words = any(map(_LETTERS.search, golds))
    found = _labels(labels, len(golds)) if have_words or not are_numbers else []
    if found:
        return ProposedVerifier(
            {"kind": "choice", "choices": found}, f"{len(found)} answers that repeat: labels"
        )
    if are_numbers:
        share = _share(golds, _is_number)
        return ProposedVerifier({"kind": "number"}, f"{share:.0%} of the answers are numbers")
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


def proposed_accuracy(most_common_share: float, num_heldout: int) -> float:
    """A limit to begin with, to two digits.

    It lies between what the same answer would always score and a perfect one, less what the
    interval of so few held-out records takes (`min_accuracy` is for its lower end), and above the
    former in any case.

    Args:
        most_common_share: Of held-out answers, the most common one.
    """
    left = 1 - most_common_share
    aimed = most_common_share + 0.35 * left - 1 / math.sqrt(num_heldout)
    return math.ceil(100 * max(aimed, most_common_share + 0.2 * left)) / 100


def _labels(counted: Mapping[str, int] | None, num_golds: int) -> list[str]:
    """The labels, the most common first; none if the answers are none."""
    if counted is None or not 2 <= len(counted) <= num_golds / _RECORDS_PER_LABEL:
        return []
    if min(counted.values()) < _FEWEST_OF_A_LABEL or max(map(len, counted)) > _LONGEST_LABEL:
        return []  # a sentence that stands there once is no label
    if len({normalise(label) for label in counted}) < len(counted):
        return []  # nor are answers that differ by case or punctuation alone
    return sorted(counted, key=lambda label: (-counted[label], label))


def _is_number(text: str) -> bool:
    """A number, with a unit or a currency at most. `007` is a code."""
    if not _BEGINS_AS_NUMBER.match(text) or len(_LETTERS.findall(text)) > 1:
        return False
    return parse_number(text) is not None


def _share(golds: Sequence[str], holds: Callable[[str], bool]) -> float:
    return sum(map(holds, golds)) / len(golds)
