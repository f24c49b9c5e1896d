"""Replies that the dataset has already: judged as a teacher's would be, and paid by nobody."""

from __future__ import annotations

from collections.abc import Sequence

from stratos.contracts.messages import calls_text
from stratos.contracts.records import Record, TrainingRecord
from stratos.dataset.token_estimate import by_characters
from stratos.scoring.reply import ReplyVerdict
from stratos.scoring.thinking import without_thinking
from stratos.sharding.synthesis import LOGS
from training.asking.questions import Scored
from training.asking.rejected_sample import rejected_attempt
from training.asking.rejection_sampling import VerifiedRecords
from training.judging.judge import GivenReply, Judge
from training.teachers.teacher import Completion


def score_logged(records: Sequence[Record], judge: Judge) -> Scored:
    """Judge the logged reply of each record; None where there is none."""
    there = [index for index, record in enumerate(records) if record.reply is not None]
    verdicts = dict(zip(there, _verdicts([records[i] for i in there], judge), strict=True))
    return Scored(
        [_completion(record) for record in records],
        [verdicts.get(index) for index in range(len(records))],
    )


def take_logged(records: Sequence[Record], judge: Judge, *, keep_thinking: bool) -> VerifiedRecords:
    """Make training records of the logged replies that are right, and count why others are not."""
    outcome = VerifiedRecords()
    there = [record for record in records if record.reply is not None]
    verdicts = _verdicts(there, judge, keep_thinking=keep_thinking)
    for record, verdict in zip(there, verdicts, strict=True):
        outcome.asked[LOGS] += 1
        if (fault := logged_fault(record, verdict, judge)) is not None:
            outcome.rejects[fault] += 1
            completion = _completion(record)
            assert completion is not None
            outcome.rejected.add(rejected_attempt(record, "alignment", 1, completion, fault))
            continue
        taught = _training_record(record, verdict, keep_thinking=keep_thinking)
        outcome.records.append(taught)
        outcome.kept[LOGS] += 1
        outcome.completion_tokens += round(_tokens(record))
    return outcome


def logged_fault(record: Record, verdict: ReplyVerdict, judge: Judge) -> str | None:
    """Why a logged reply is not learned; None where it is.

    The domain checker reads it whole if no marker parts the steps from the answer.
    """
    if verdict.reason not in ("right", "unchecked"):
        return verdict.reason
    reply = record.reply
    if reply is not None and not (reply.tool_calls or without_thinking(reply.content)):
        return "empty"  # where nothing is to be called, something is to be said
    if record.gold is None or not verdict.read.rationale:
        return None
    return judge.step_fault(verdict.read.rationale, record.question, record.gold)


def _verdicts(
    records: Sequence[Record], judge: Judge, *, keep_thinking: bool = False
) -> list[ReplyVerdict]:
    given = [
        GivenReply(
            record.messages,
            record.reply.content,
            True,
            record.gold,
            tool_calls=record.reply.tool_calls or (),
        )
        for record in records
        if record.reply is not None
    ]
    return judge.verdicts(given, keep_thinking=keep_thinking)


def _training_record(
    record: Record, verdict: ReplyVerdict, *, keep_thinking: bool
) -> TrainingRecord:
    assert record.reply is not None
    content = record.reply.content
    said = without_thinking(content)
    # A log is learned byte for byte, but for thinking that is not to be taught.
    text = content if keep_thinking or said == content.strip() else said
    return TrainingRecord(
        id=record.id,
        messages=record.messages,
        tools=record.offered_tools,
        tool_choice=record.tool_choice,
        completion=text,
        tool_calls=record.reply.tool_calls,
        answer=record.gold,
        strategy="alignment",
    )


def _completion(record: Record) -> Completion | None:
    """A reply as if it had been given; its tokens are those of its characters, and cost nothing."""
    if record.reply is None:
        return None
    calls = record.reply.tool_calls or ()
    return Completion(record.reply.content, True, 0, round(_tokens(record)), tool_calls=calls)


def _tokens(record: Record) -> float:
    assert record.reply is not None
    calls = record.reply.tool_calls
    return by_characters(record.reply.content + (calls_text(calls) if calls else ""))
