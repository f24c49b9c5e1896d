"""Expected accuracy of a student."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stratos.planning.forecast.accuracy import (
    Evidence,
    accuracy_interval,
    expected_accuracy,
    outcome_sd,
    verified_share,
)
from stratos.planning.forecast.calibration import Correction

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


def test_a_pretrained_student_of_injection_is_within_the_forecast() -> None:
    """examples/smollm2-inbox: 69.4% from 255 records."""
    evidence = Evidence(0.0, 0.0, 1.0, student_is_pretrained=True)
    expected = expected_accuracy(evidence, "injection", "full", 255)
    for probed in (True, False):
        spread = Correction(1.0, outcome_sd("injection", probed=probed))
        interval = accuracy_interval(expected, spread)
        assert interval.lo < 0.694 < interval.hi
    assert outcome_sd("alignment", probed=True) < outcome_sd("alignment", probed=False)


@given(n=st.floats(1, 1e6))
def test_pretraining_helps_where_knowledge_is_injected(n: float) -> None:
    fresh, pretrained = (
        Evidence(0.5, 0.0, 1.0, student_is_pretrained=is_so) for is_so in (False, True)
    )
    for strategy in ("injection", "blend"):
        forecasts = [expected_accuracy(one, strategy, "full", n) for one in (fresh, pretrained)]
        assert forecasts[0] < forecasts[1]
    forecasts = [expected_accuracy(one, "alignment", "full", n) for one in (fresh, pretrained)]
    assert forecasts[0] == forecasts[1]
