"""Which way to distil."""

from __future__ import annotations

import pytest

from stratos.errors import NoFeasiblePlan
from stratos.planning.strategy import choose_strategy
from stratos.statistics.wilson import proportion


@pytest.mark.parametrize(
    ("right", "min_accuracy", "num_gold", "expected"),
    [
        (190, 0.8, 500, "alignment"),
        (3, 0.45, 500, "injection"),
        (100, 0.5, 500, "blend"),
        (190, 0.8, 0, "alignment"),
        (190, None, 0, "alignment"),
        (20, None, 0, "alignment"),
        (20, None, 500, "injection"),
    ],
)
def test_the_strategy_follows_the_teachers_interval(
    right: int, min_accuracy: float | None, num_gold: int, expected: str
) -> None:
    strategy, reason = choose_strategy(
        "auto", min_accuracy, proportion(right, 200), proportion(50, 64), num_gold
    )
    assert strategy == expected
    assert f"({right} of 200" in reason


def test_a_forced_strategy_is_honoured_and_the_evidence_recorded() -> None:
    strategy, reason = choose_strategy("alignment", 0.9, proportion(3, 200), None, 500)
    assert strategy == "alignment"
    assert "measured evidence points to injection" in reason


@pytest.mark.parametrize(
    ("asked", "right", "explained", "num_gold", "message"),
    [
        ("auto", 3, 50, 0, "imitation cannot be trusted to exceed the teacher"),
        ("auto", 3, 0, 500, "neither answer nor explain"),
        ("injection", 190, 50, 0, "needs gold answers"),
    ],
)
def test_where_nothing_can_teach_the_student_the_reason_is_given(
    asked: str, right: int, explained: int, num_gold: int, message: str
) -> None:
    with pytest.raises(NoFeasiblePlan, match=message):
        choose_strategy(
            asked,  # type: ignore[arg-type]
            0.5,
            proportion(right, 200),
            proportion(explained, 64),
            num_gold,
        )


def test_the_evidence_says_why_answers_and_explanations_were_rejected() -> None:
    with pytest.raises(NoFeasiblePlan) as refused:
        choose_strategy(
            "auto",
            0.5,
            proportion(0, 20),
            proportion(0, 20),
            500,
            answers={"no marker": 20},
            explanations={"no marker": 18, "cut": 2},
        )
    told = str(refused.value)
    assert "scored 0.0% (0 of 20; 95% interval 0.0% to 16.1%; rejected: no marker ×20)" in told
    assert "rejected: no marker ×18, cut ×2) of the gold answers" in told


def test_logged_replies_are_aligned_with_whatever_they_score() -> None:
    for right in (190, 100):
        strategy, reason = choose_strategy(
            "auto", 0.5, proportion(right, 200), None, 500, logged=True
        )
        assert strategy == "alignment"
        assert reason.startswith("the logged replies scored")


@pytest.mark.parametrize(
    ("asked", "message"),
    [("auto", "Name a live teacher beside `kind: logs`"), ("injection", "explain nothing")],
)
def test_logged_replies_that_cannot_teach_say_what_to_do(asked: str, message: str) -> None:
    with pytest.raises(NoFeasiblePlan, match=message):
        choose_strategy(
            asked,  # type: ignore[arg-type]
            0.5,
            proportion(3, 200),
            None,
            500,
            logged=True,
        )


def test_calls_are_imitated_since_they_are_nothing_to_explain() -> None:
    for right, minimum in ((100, 0.5), (20, None)):
        told = ("auto", minimum, proportion(right, 200), None, 500)
        assert choose_strategy(*told)[0] != "alignment"
        assert choose_strategy(*told, explainable=False)[0] == "alignment"
    with pytest.raises(NoFeasiblePlan, match="neither answer nor explain"):
        choose_strategy("auto", 0.9, proportion(20, 200), None, 500, explainable=False)
