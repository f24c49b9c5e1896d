"""Rejected attempts are kept in a sample that ends."""

from __future__ import annotations

from stratos.contracts.messages import Message, ToolCall
from stratos.contracts.records import Record
from training.asking.rejected_sample import MOST_OF_A_REASON, RejectedSample
from training.teachers.teacher import Completion

RECORD = Record(id="r", messages=(Message(role="user", content="2+2?"),), gold="4")


def add(sample: RejectedSample, text: str, reason: str, **answered: object) -> None:
    completion = Completion(text, True, 1, 1, **answered)  # type: ignore[arg-type]
    sample.add(RECORD, "alignment", 2, completion, reason)


def test_an_attempt_is_kept_with_its_question_answer_and_reason() -> None:
    sample = RejectedSample()
    call = ToolCall(name="add", arguments={"a": 2})
    add(sample, "it is 5", "wrong answer", tool_calls=(call,))
    (one,) = sample.attempts()
    assert (one.question, one.completion, one.answer) == ("2+2?", "it is 5", "4")
    assert (one.reason, one.strategy, one.attempts) == ("wrong answer", "alignment", 2)
    assert one.tool_calls == (call,)


def test_each_reason_has_its_own_share_and_the_frequent_one_comes_first() -> None:
    sample = RejectedSample()
    add(sample, "half", "cut")
    for number in range(1000):
        add(sample, str(number), "wrong answer")
    reasons = [one.reason for one in sample.attempts()]
    assert reasons == ["wrong answer"] * MOST_OF_A_REASON + ["cut"]


def test_late_attempts_are_as_likely_as_early_ones() -> None:
    sample = RejectedSample()
    for number in range(1000):
        add(sample, str(number), "wrong answer")
    late = sum(int(one.completion) >= 500 for one in sample.attempts())
    assert 10 < late < 40


def test_a_very_long_reply_is_cut() -> None:
    sample = RejectedSample()
    add(sample, "x" * 1_000_000, "cut")
    assert len(sample.attempts()[0].completion) == 4_000
