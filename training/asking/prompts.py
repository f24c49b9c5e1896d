"""What a teacher is asked, from the spec's templates."""

from __future__ import annotations

import re

from stratos.contracts.records import Message, Record
from stratos.spec import Synthesis

_FIELD = re.compile(r"\{(question|answer|notes)\}")


def alignment_messages(record: Record, synthesis: Synthesis) -> tuple[Message, ...]:
    """Return the record's conversation, with its question in the alignment template."""
    return _ask(record, fill(synthesis.alignment_prompt, record.question, "", synthesis.notes))


def injection_messages(record: Record, answer: str, synthesis: Synthesis) -> tuple[Message, ...]:
    """Return the record's conversation, with its question beside an answer to explain."""
    asked = fill(synthesis.injection_prompt, record.question, answer, synthesis.notes)
    return _ask(record, asked)


def fill(template: str, question: str, answer: str, notes: str) -> str:
    """Fill a template in one pass: braces inside a question stay as they are."""
    values = {"question": question, "answer": answer, "notes": notes}
    return _FIELD.sub(lambda field: values[field[1]], template).strip()


def _ask(record: Record, content: str) -> tuple[Message, ...]:
    last = max(i for i, message in enumerate(record.messages) if message.role == "user")
    asked = Message(role="user", content=content)
    return (*record.messages[:last], asked, *record.messages[last + 1 :])
