"""The kinds of conversation that a dataset holds, as chat templates are given them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from stratos.catalog.chat_template import Conversation
from stratos.contracts.messages import openai_tool, template_messages
from stratos.contracts.records import SPLITS, Record, read_jsonl

_MOST_KINDS = 64
"""Of conversations that are tried: logs of chats have one for each length."""
_SEVERAL = 2


def conversations_in(splits: Path) -> Iterator[Conversation]:
    """The first conversation of each kind in a folder of splits, up to a number of kinds."""
    return islice(_first_of_each(splits), _MOST_KINDS)


def conversation_of(record: Record) -> Conversation:
    """A record as a chat template is given it."""
    reply = record.reply if record.reply is not None and record.reply.tool_calls else None
    messages = template_messages(record.messages if reply is None else [*record.messages, reply])
    return Conversation(
        messages=tuple(messages[: len(record.messages)]),
        tools=tuple(openai_tool(tool) for tool in record.tools or ()),
        reply=None if reply is None else messages[-1],
    )


def _first_of_each(splits: Path) -> Iterator[Conversation]:
    seen: set[tuple[object, ...]] = set()
    for split in SPLITS:
        for record in read_jsonl(splits / f"{split}.jsonl", Record):
            kind = _kind(record)
            if kind not in seen:
                seen.add(kind)
                yield conversation_of(record)


def _kind(record: Record) -> tuple[object, ...]:
    """What makes a template take one record and refuse another: roles, and how much is called."""
    roles = tuple(message.role for message in record.messages)
    if not _has_calls(record):
        return roles
    said = (*record.messages, record.reply) if record.reply is not None else record.messages
    calls = tuple(min(_SEVERAL, len(message.tool_calls or ())) for message in said)
    return (roles, calls, bool(record.tools))


def _has_calls(record: Record) -> bool:
    if record.tools or (record.reply is not None and record.reply.tool_calls):
        return True
    return any(message.tool_calls for message in record.messages)
