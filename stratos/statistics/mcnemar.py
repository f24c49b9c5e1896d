"""Two models on the same questions: McNemar's exact test (McNemar 1947)."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, lgamma, log

from stratos.frozen import FrozenModel


def mcnemar_p_value(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value: how likely a split this uneven is if neither model is better."""
    n = only_first + only_second
    if n == 0:
        return 1.0
    log_half_to_n = n * log(0.5)
    tail = sum(
        exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + log_half_to_n)
        for k in range(min(only_first, only_second) + 1)
    )
    return min(1.0, 2 * tail)


def compare(other: str, student: Sequence[bool], theirs: Sequence[bool]) -> Comparison:
    """Compare the student with another model, record by record.

    Raises:
        ValueError: when the outcomes do not pair up.
    """
    if len(student) != len(theirs):
        raise ValueError(f"{len(student)} outcomes against {len(theirs)} of {other}; need pairs")
    only_student = sum(ours and not its for ours, its in zip(student, theirs, strict=True))
    only_other = sum(its and not ours for ours, its in zip(student, theirs, strict=True))
    return Comparison(
        other=other,
        only_student_right=only_student,
        only_other_right=only_other,
        p_value=mcnemar_p_value(only_student, only_other),
    )


class Comparison(FrozenModel):
    """Two models on the same records: McNemar's exact test on the discordant pairs."""

    other: str
    only_student_right: int
    only_other_right: int
    p_value: float
