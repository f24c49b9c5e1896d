"""McNemar's test in plain words."""

from __future__ import annotations

import pytest

from stratos.report.comparisons import chance, comparison_told
from stratos.report.figures import ComparisonRow
from stratos.statistics.mcnemar import Comparison, mcnemar_p_value


def told(ours: int, theirs: int) -> str:
    compared = Comparison(
        other="untuned_student",
        only_student_right=ours,
        only_other_right=theirs,
        p_value=mcnemar_p_value(ours, theirs),
    )
    return comparison_told(ComparisonRow("student", compared))


def test_the_better_one_is_named() -> None:
    assert told(30, 5).startswith("They differ on 35 questions. ")
    assert told(30, 5).endswith("times: student is better than untuned student.")
    assert told(5, 30).endswith("times: untuned student is better than student.")


def test_what_chance_could_do_is_no_difference() -> None:
    assert told(6, 4).endswith("more often than not: no difference is shown.")
    assert "They differ on 1 question. " in told(1, 0)
    assert told(0, 0) == "Both are right on the same questions."


@pytest.mark.parametrize(
    ("p_value", "words"),
    [
        (0.04, "once in 25 times"),
        (1 / 1_200, "once in 1,200 times"),
        (1e-9, "less than once in a million times"),
        (0.4, "once in 2.5 times"),
    ],
)
def test_a_probability_is_said_as_people_say_it(p_value: float, words: str) -> None:
    assert chance(p_value) == words
