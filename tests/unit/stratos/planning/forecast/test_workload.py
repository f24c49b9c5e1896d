"""How much work a spec is."""

from __future__ import annotations

import pytest

from stratos.catalog.model_card import ModelCard
from stratos.planning.forecast.workload import (
    TEMPLATE_TOKENS,
    expected_synthesis,
    logged_replies,
    teacher_knowledge,
    too_few_records,
    workload_of,
)
from stratos.statistics.wilson import proportion
from tests.unit.stratos.planning.planning_inputs import model, probe, request, spec


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


def test_the_forecast_yield_is_that_of_all_attempts_of_synthesis() -> None:
    asked = request(asked=spec(synthesis={"samples": 3}))
    measured = probe("teacher", "teacher", 50, alignment_yield=proportion(32, 64))
    work = workload_of(asked, measured)
    known = teacher_knowledge(model("teacher"), measured)
    synthesis = expected_synthesis(asked, work, "alignment", known)
    assert synthesis.num_records == pytest.approx(1_000)
    assert synthesis.num_calls == pytest.approx(2_000 * (1 + 0.75 + 0.75**2))


def test_a_probe_that_lets_expect_too_few_records_says_why() -> None:
    asked = request(asked=spec(synthesis={"min_yield": 0.4}))
    measured = probe("teacher", "teacher", 50, answers={"right": 50, "no marker": 120, "cut": 30})
    work = workload_of(asked, measured)
    known = teacher_knowledge(model("teacher"), measured)
    told = too_few_records(asked, work, "alignment", known)
    assert told is not None
    assert told.startswith(
        "its probe lets expect 500 verified records of 2,000 questions under alignment, "
        "and 629 at the upper end of its 95% interval; needed 800 "
    )
    assert "Rejected: no marker ×120, cut ×30. The teacher" in told
    assert too_few_records(asked, work, "injection", known) is None
    assert too_few_records(asked, work, "alignment", teacher_knowledge(model("t"), None)) is None


def test_a_probe_that_leaves_enough_records_possible_rules_no_teacher_out() -> None:
    asked = request(asked=spec(synthesis={"min_yield": 0.3}))
    measured = probe("teacher", "teacher", 50)
    work = workload_of(asked, measured)
    known = teacher_knowledge(model("teacher"), measured)
    assert expected_synthesis(asked, work, "alignment", known).num_records == pytest.approx(500)
    assert too_few_records(asked, work, "alignment", known) is None


def test_prompts_are_counted_with_their_template_and_as_probes_measured_them() -> None:
    asked = request()
    text = asked.dataset.prompt_tokens
    assert workload_of(asked, None).prompt_tokens == text + TEMPLATE_TOKENS
    student = model("student", template_tokens=9.0)
    assert workload_of(asked, None, student=student).prompt_tokens == text + 9
    measured = probe("student", "student", 9, mean_prompt_tokens=131.0)
    work = workload_of(asked, None, student=student, student_probe=measured)
    assert work.prompt_tokens == work.served_prompt_tokens == 131


def test_a_teachers_prompt_is_longer_than_its_students_by_what_it_is_asked_in() -> None:
    synthesis = {"alignment_prompt": "Think." * 40 + "{question}", "notes": "n" * 80}
    asked = request(asked=spec(synthesis=synthesis))
    work = workload_of(asked, None)
    assert work.aligned_prompt_tokens == work.prompt_tokens + 60
    assert work.told_prompt_tokens > work.prompt_tokens + 80 / 4 + asked.dataset.answer_tokens
    both = work.aligned_prompt_tokens + work.told_prompt_tokens
    assert [work.asked_tokens(strategy) for strategy in ("alignment", "injection", "blend")] == [
        work.aligned_prompt_tokens,
        work.told_prompt_tokens,
        both / 2,
    ]
    measured = workload_of(asked, probe("t", "teacher", 9, mean_prompt_tokens=150.0))
    assert measured.aligned_prompt_tokens == 150
    assert measured.prompt_tokens == work.prompt_tokens


def test_only_what_the_student_writes_carries_a_loss() -> None:
    work = workload_of(request(), None)
    assert work.learned_share == pytest.approx(
        work.completion_tokens / (work.prompt_tokens + work.completion_tokens)
    )


def test_a_live_teacher_is_asked_what_logs_leave_and_a_log_is_never_asked() -> None:
    asked = request(asked=spec(teachers=[{"kind": "logs"}], synthesis={"samples": 1}))
    measured = probe("teacher", "teacher", 100)
    work = workload_of(asked, measured)
    known = teacher_knowledge(model("teacher"), measured)
    log = ModelCard(name="logs", kind="logs")
    of_log = probe("logs", "teacher", 150, alignment_yield=proportion(150, 200))
    beside = logged_replies(asked, model("teacher"), of_log)
    mixed = expected_synthesis(asked, work, "alignment", known, beside)
    assert mixed.num_calls == pytest.approx(2_000 * 0.25)
    assert mixed.num_records == pytest.approx(2_000 * (0.75 + 0.25 * 0.5))
    alone = expected_synthesis(asked, work, "alignment", known, logged_replies(asked, log, of_log))
    assert (alone.num_calls, alone.num_records) == (0.0, pytest.approx(1_500))


def test_until_a_log_is_probed_every_reply_counts_as_right() -> None:
    asked = request(asked=spec(teachers=[{"kind": "logs"}]))
    facts = asked.dataset
    half = (facts.num_train + facts.num_probe + facts.num_heldout) // 2
    asked = asked.model_copy(update={"dataset": facts.model_copy(update={"num_replies": half})})
    log = ModelCard(name="logs", kind="logs")
    assert logged_replies(asked, log, None).share == pytest.approx(0.5, abs=0.01)
    assert logged_replies(request(asked=spec()), log, None).share == 0.0


def test_a_log_with_too_few_right_replies_is_not_worth_a_plan() -> None:
    asked = request(asked=spec(teachers=[{"kind": "logs"}], synthesis={"min_yield": 0.5}))
    measured = probe("logs", "teacher", 20, alignment_yield=proportion(20, 200))
    work, log = workload_of(asked, measured), ModelCard(name="logs", kind="logs")
    known = teacher_knowledge(log, measured)
    replies = logged_replies(asked, log, measured)
    told = too_few_records(asked, work, "alignment", known, replies)
    assert told is not None
    assert "200 verified records" in told
