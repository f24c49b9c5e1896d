"""Lengths of prompts and replies in tokens, over a sample of the records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from stratos.catalog.files import Files
from stratos.contracts.messages import calls_text, openai_tool
from stratos.contracts.records import Record, Split, read_jsonl
from stratos.dataset.inspection import TokenLengths
from stratos.dataset.tally import LengthCounts
from stratos.dataset.token_estimate import CountTokens, named_counter
from stratos.spec import Spec

_BY_CHANCE: tuple[Split, ...] = ("heldout", "probe", "train")
"""Held-out and probe records are drawn by hash, so they stand for the others."""
_MOST_RECORDS = 500
_MOST_CHARACTERS = 1_000_000
"""Counting takes about a second for so many."""
_COUNTED_CHARACTERS = 20_000
"""Of one text; the rest is taken to be as dense."""


def token_lengths(splits: Path, spec: Spec | None, files: Files) -> TokenLengths:
    """Count tokens by the vocabulary of the first student whose tokenizer lies in the folder.

    Args:
        splits: Folder with train.jsonl, probe.jsonl and heldout.jsonl.
    """
    students = [] if spec is None else spec.students
    paths = [student.path for student in students if student.path is not None]
    counted_by, count = named_counter(files, paths)
    prompts, replies = LengthCounts(), LengthCounts()
    for record in _sample(splits):
        prompts.add(_tokens(_prompt(record), count))
        if (reply := _reply(record)) is not None:
            replies.add(_tokens(reply, count))
    return TokenLengths(
        counted_by=counted_by,
        num_records=prompts.num,
        prompts=prompts.summary(),
        replies=replies.summary(),
    )


def _sample(splits: Path) -> Iterator[Record]:
    left, characters = _MOST_RECORDS, 0
    for split in _BY_CHANCE:
        for record in read_jsonl(splits / f"{split}.jsonl", Record):
            if not left or characters > _MOST_CHARACTERS:
                return
            yield record
            left -= 1
            characters += sum(len(message.content) for message in record.messages)


def _prompt(record: Record) -> str:
    parts = [json.dumps(openai_tool(tool), ensure_ascii=False) for tool in record.tools or ()]
    for message in record.messages:
        parts.append(message.content)
        if message.tool_calls:
            parts.append(calls_text(message.tool_calls))
    return "\n".join(parts)


def _reply(record: Record) -> str | None:
    reply = record.reply
    if reply is None:
        return record.gold
    return reply.content + (calls_text(reply.tool_calls) if reply.tool_calls else "")


def _tokens(text: str, count: CountTokens) -> int:
    """Tokens of a text; a very long one is counted at its beginning."""
    if len(text) <= _COUNTED_CHARACTERS:
        return round(count(text))
    return round(count(text[:_COUNTED_CHARACTERS]) * len(text) / _COUNTED_CHARACTERS)
