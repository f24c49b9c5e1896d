"""What a teacher is asked, from the spec's templates."""

from __future__ import annotations

import re

from stratos.contracts.messages import Message
from stratos.contracts.records import Record
from stratos.scoring.reply import expects_marker
from stratos.spec import Choice, Number, SetOf, Synthesis, Verifier
from training.judging.judge import Judge

_FIELD = re.compile(r"\{(question|answer|notes|format|marker)\}")


def alignment_messages(record: Record, synthesis: Synthesis, judge: Judge) -> tuple[Message, ...]:
    """Return the record's conversation, with its question in the alignment template."""
    return _ask(
        record,
        fill(
            synthesis.alignment_prompt,
            question=record.question,
            notes=synthesis.notes,
            format=_format_of_own(judge.verifier, judge.marker),
            marker=judge.marker,
        ),
    )


def injection_messages(
    record: Record, answer: str, synthesis: Synthesis, judge: Judge
) -> tuple[Message, ...]:
    """Return the record's conversation, with its question beside an answer to explain."""
    return _ask(
        record,
        fill(
            synthesis.injection_prompt,
            question=record.question,
            answer=answer,
            notes=synthesis.notes,
            format=_format_of_given(judge.marker, answer),
            marker=judge.marker,
        ),
    )


def fill(template: str, **values: str) -> str:
    """Fill a template in one pass: braces inside a question stay as they are."""
    return _FIELD.sub(lambda field: values.get(field[1], ""), template).strip()


def _format_of_own(verifier: Verifier, marker: str) -> str:
    """Ask for what `read_reply` finds: the answer behind the marker; nothing where none is due.

    The example holds no answer: small models repeat one (benchmarks/default_prompts.py).
    """
    if not expects_marker(verifier, marker):
        return ""
    kind, example = _kind_of(verifier)
    return (
        f"Think step by step. End your reply with a line that holds {marker} and then {kind}, "
        f"like this:\n{marker} {example}"
    )


def _kind_of(verifier: Verifier) -> tuple[str, str]:
    match verifier:
        case Number():
            return "the final number alone", "<number>"
        case Choice():
            return f"one of these alone: {', '.join(verifier.choices)}", "<one of them>"
        case SetOf():
            between = verifier.separator
            apart = f'"{between}"' if between.strip() else "a blank"
            return f"all items of the answer, with {apart} between them", f"<item>{between}<item>"
        case _:
            return "the final answer alone", "<answer>"


def _format_of_given(marker: str, answer: str) -> str:
    if not marker:
        return "End with the answer."
    return (
        f"End your reply with a line that holds {marker} and then the answer alone, "
        f"like this:\n{marker} {answer}"
    )


def _ask(record: Record, content: str) -> tuple[Message, ...]:
    last = max(i for i, message in enumerate(record.messages) if message.role == "user")
    asked = Message(role="user", content=content)
    return (*record.messages[:last], asked, *record.messages[last + 1 :])
