"""`stratos samples` pages through what a teacher wrote."""

from __future__ import annotations

import pytest

from stratos.cli.samples import SamplePage
from stratos.contracts.messages import Message, ToolCall
from stratos.contracts.records import SampledAttempt, TrainingRecord
from stratos.errors import RunNotFound
from tests.unit.stratos.cli.stack_contents import put_run, run


def kept(number: int) -> TrainingRecord:
    return TrainingRecord(
        id=f"k{number}",
        messages=(Message(role="user", content=f"[bold]question {number}"),),
        completion=f"reply {number}",
        answer=str(number),
        strategy="alignment",
    )


def rejected(number: int, reason: str) -> SampledAttempt:
    return SampledAttempt(
        id=f"r{number}",
        question="q",
        completion="c",
        tool_calls=(ToolCall(name="look_up", arguments={"number": number}),),
        strategy="injection",
        attempts=3,
        reason=reason,
    )


def put(stack, name, rows, student=0):
    lines = "".join(row.model_dump_json(exclude_none=True) + "\n" for row in rows)
    key = f"runs/r-1/records/a{student}/{name}.jsonl"
    stack.s3.put_object(Bucket="bucket", Key=key, Body=lines.encode())


def page(*arguments: str) -> SamplePage:
    code, out = run("samples", "r-1", "--json", *arguments)
    assert code == 0, out
    return SamplePage.model_validate_json(out)


@pytest.fixture
def filled(stack):
    put_run(stack)
    put(stack, "records", [kept(number) for number in range(23)])
    reasons = ["cut"] * 3 + ["wrong answer"] * 11
    put(stack, "rejected", [rejected(i, reason) for i, reason in enumerate(reasons)])
    return stack


@pytest.mark.usefixtures("filled")
def test_kept_records_come_ten_to_a_page():
    first, last = page(), page("--page", "3")
    assert [one.id for one in first.records] == [f"k{i}" for i in range(10)]
    assert [one.id for one in last.records] == ["k20", "k21", "k22"]
    assert (last.pages, last.num, last.format_version) == (3, 23, 1)
    assert page("--page", "4").records == ()


@pytest.mark.usefixtures("filled")
def test_rejected_attempts_are_counted_by_reason_and_filtered_by_it():
    every = page("--rejected")
    assert every.reasons == {"wrong answer": 11, "cut": 3}
    assert (every.num, every.pages) == (14, 2)
    assert {one.reason for one in page("--reason", "wrong").records} == {"wrong answer"}
    assert page("--reason", "cut").num == 3
    assert page("--reason", "nothing of it").num == 0


def test_the_last_student_is_shown_unless_another_is_named(filled):
    put(filled, "records", [kept(99)], student=10)
    assert [one.id for one in page().records] == ["k99"]
    assert page("--student", "0").num == 23


@pytest.mark.usefixtures("filled")
def test_a_person_reads_question_reply_calls_and_reason():
    _, out = run("samples", "r-1", "--rejected", "--page", "2")
    assert "r13  wrong answer (injection, attempt 3)" in out
    assert '[{"name": "look_up", "arguments": {"number": 13}}]' in out
    assert "rejected, cut: 3 stored" in out
    assert out.endswith("page 2 of 2, 14 records\n")
    _, out = run("samples", "r-1")
    assert "[bold]question 0" in out


def test_a_run_whose_teacher_has_not_answered_is_told(stack):
    put_run(stack)
    with pytest.raises(RunNotFound, match="has no records yet"):
        run("samples", "r-1")


def test_a_run_from_before_rejected_attempts_were_stored_has_none(stack):
    put_run(stack)
    put(stack, "records", [kept(1)])
    assert page("--rejected").num == 0


def test_where_nothing_was_rejected_that_is_said_and_no_page_is_counted(stack):
    put_run(stack, "r-1")
    put(stack, "records", [kept(1)])
    assert run("samples", "r-1", "--rejected") == (0, "run r-1 has no such record\n")
    assert run("samples", "r-1")[1].endswith("page 1 of 1, 1 record\n")
