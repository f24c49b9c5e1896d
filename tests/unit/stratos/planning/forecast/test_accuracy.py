"""The accuracy forecast, the strategy, and how much work a spec is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratos.errors import NoFeasiblePlan
from stratos.planning.forecast.accuracy import Evidence, expected_accuracy, verified_share
from stratos.planning.forecast.workload import expected_synthesis, teacher_knowledge, workload_of
from stratos.planning.strategy import choose_strategy
from stratos.statistics.wilson import proportion
from tests.unit.stratos.planning.planning_inputs import model, probe, request, spec

share = st.floats(0.0, 1.0)
strategies = st.sampled_from(["alignment", "injection", "blend"])
methods = st.sampled_from(["full", "lora"])


def test_the_trial_behind_the_constants_is_forecast() -> None:
    # 2,803 records of reverse-synthesised reasoning, a student 1.3 times smaller: 35 to 42%.
    evidence = Evidence(teacher=0.013, student=0.0, size_ratio=0.77)
    assert 0.33 < expected_accuracy(evidence, "injection", "full", 2_803) < 0.42


@given(teacher=share, student=share, strategy=strategies, method=methods, n=st.floats(0, 1e6))
def test_more_records_never_hurt_and_a_student_keeps_what_it_knew(
    teacher: float, student: float, strategy: str, method: str, n: float
) -> None:
    evidence = Evidence(teacher, student, 0.1)
    few = expected_accuracy(evidence, strategy, method, n)  # type: ignore[arg-type]
    many = expected_accuracy(evidence, strategy, method, 2 * n)  # type: ignore[arg-type]
    assert student <= few <= many <= 1.0


@given(teacher=share, n=st.floats(0, 1e7))
def test_imitation_never_exceeds_the_teacher(teacher: float, n: float) -> None:
    evidence = Evidence(teacher, 0.0, 1.0)
    assert expected_accuracy(evidence, "alignment", "full", n) <= teacher + 1e-12


@given(aligned=share, explained=share)
def test_a_blend_keeps_at_least_what_either_strategy_keeps(
    aligned: float, explained: float
) -> None:
    blend = verified_share("blend", aligned, explained)
    assert blend >= verified_share("alignment", aligned, explained) - 1e-12
    assert blend >= verified_share("injection", aligned, explained) - 1e-12


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


def test_an_attempt_is_repeated_only_while_nothing_was_verified() -> None:
    asked = request(asked=spec(synthesis={"samples": 3}))
    measured = probe("teacher", "teacher", 100, reverse_yield=proportion(32, 64))
    work = workload_of(asked, measured)
    known = teacher_knowledge(model("teacher"), measured)
    synthesis = expected_synthesis(asked, work, "injection", known)
    assert synthesis.num_calls == pytest.approx(2_000 * (1 + 0.5 + 0.25))
    assert synthesis.num_records == pytest.approx(1_000)


def test_max_steps_fixes_the_tokens_and_epochs_follow_the_records() -> None:
    steps = workload_of(request(asked=spec(training={"max_steps": 100, "batch_tokens": 512})), None)
    assert steps.training_tokens(5_000.0) == 51_200
    epochs = workload_of(request(asked=spec(training={"epochs": 2})), None)
    assert epochs.training_tokens(100.0) == pytest.approx(200 * epochs.sequence_tokens)


def test_a_probe_measures_how_long_completions_are() -> None:
    asked = request(asked=spec(synthesis={"max_new_tokens": 300}))
    assert workload_of(asked, None).completion_tokens == 75
    assert workload_of(asked, probe("t", "teacher", 9)).completion_tokens == 120
    chatty = probe("t", "teacher", 9, mean_completion_tokens=900.0)
    assert workload_of(asked, chatty).completion_tokens == 300
