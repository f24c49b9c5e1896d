"""A rejected attempt is shown with what a person needs to judge it."""

from __future__ import annotations

from stratos.contracts.messages import Message, ToolCall
from stratos.contracts.records import Record
from training.asking.rejected_sample import rejected_attempt
from training.teachers.teacher import Completion

RECORD = Record(id="r", messages=(Message(role="user", content="2+2?"),), gold="4")


def test_an_attempt_is_shown_with_its_question_answer_and_reason() -> None:
    call = ToolCall(name="add", arguments={"a": 2})
    completion = Completion("it is 5", True, 1, 1, tool_calls=(call,))
    one = rejected_attempt(RECORD, "alignment", 2, completion, "wrong answer")
    assert (one.question, one.completion, one.answer) == ("2+2?", "it is 5", "4")
    assert (one.reason, one.strategy, one.attempts) == ("wrong answer", "alignment", 2)
    assert one.tool_calls == (call,)


def test_a_very_long_reply_is_cut() -> None:
    completion = Completion("x" * 1_000_000, True, 1, 1)
    one = rejected_attempt(RECORD, "alignment", 1, completion, "cut")
    assert len(one.completion) == 4_000
