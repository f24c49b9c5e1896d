"""Reading a dataset row by row into canonical records; bad lines are reported by number."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from stratos.contracts.messages import Message, NamedTool, Tool, ToolCall, calls_text
from stratos.contracts.records import Record
from stratos.dataset.batch_halves import BatchHalves
from stratos.dataset.encodings import conversion
from stratos.dataset.formats.batch_files import BatchHalf
from stratos.dataset.formats.detection import detect_format, read_fields
from stratos.dataset.formats.pairs import column_row
from stratos.dataset.formats.row import (
    LABELS,
    LONGEST_LABEL,
    Markup,
    NoAnswer,
    ParsedRow,
    Row,
    RowError,
    json_value,
    name_of,
)
from stratos.dataset.formats.tool_fields import check_offered
from stratos.dataset.lines import MAX_LINE_BYTES
from stratos.dataset.redaction import Redactor
from stratos.dataset.s3_bodies import S3Bodies
from stratos.dataset.tally import NameCounts
from stratos.dataset.turns import LearnedTurn, Passed, shortened, turns_of
from stratos.scoring.gold import gold_fault, gold_in
from stratos.scoring.tool_calls import a_right_answer, calls_fault, surely_gold
from stratos.spec import FormatName, Task, ToolCalls

MAX_SHOWN = 20
"""Bad lines that a message or an inspection quotes."""
_MAX_FILES = 1000
_OTHER_FILES = "(others)"
_CONVERSATIONS = (
    "conversation_id", "conversationId", "session_id", "sessionId", "thread_id", "threadId"
)  # fmt: skip
_VARIES = re.compile(r"['\"`:(]|(?<= found ).|(?<=the fields ).")
_DIGITS = re.compile(r"\d[\d,]*")
_ANY_CONVERSATION = frozenset(_CONVERSATIONS)


class DatasetEntry(NamedTuple):
    """A record, and what ties it to others.

    Attributes:
        opening: The messages that its conversation begins with, where its own are more or fewer.
        conversation: What the dataset calls the conversation.
        file: Number of its file, where its id is the dataset's.
    """

    record: Record
    opening: tuple[Message, ...] | None = None
    conversation: str | None = None
    file: int | None = None


@dataclass
class DatasetReader:
    """Turns rows into records and keeps count of what it could not read."""

    task: Task
    bodies: S3Bodies = field(default_factory=S3Bodies)
    halves: BatchHalves | None = None
    """Where the files of a batch meet."""
    formats: dict[str, FormatName] = field(default_factory=dict)
    """File → format; of the first thousand files."""
    num_lines: int = 0
    num_bad_lines: int = 0
    bad_lines: list[str] = field(default_factory=list)
    """The first few, as `file:line: what is wrong`."""
    bad_kinds: NameCounts = field(default_factory=NameCounts)
    """What is wrong, without what differs from line to line."""
    no_answer: Counter[NoAnswer] = field(default_factory=Counter)
    """Why replies are none to learn → how many."""
    num_shortened: int = 0
    """Records whose history was cut."""
    markup: Counter[Markup] = field(default_factory=Counter)
    """What became of prompts in a model's own markup."""
    _num_files: int = 0
    _format: FormatName | None = None
    redactor: Redactor = field(init=False)

    def __post_init__(self) -> None:
        self.redactor = Redactor(self.task)
        self._short_gold = lru_cache(LABELS)(self._gold)

    def read(self, file: str, rows: Iterable[bytes | Row | RowError]) -> Iterator[DatasetEntry]:
        """Yield the records of one file; empty lines are skipped.

        Args:
            rows: Lines of JSON, rows that are already parsed, or the reason why one could not be.
        """
        self._num_files += 1
        self._format = None
        for number, row in enumerate(rows, start=1):
            if isinstance(row, bytes):
                row = row.removeprefix(b"\xef\xbb\xbf") if number == 1 else row
                if not row.strip():
                    continue
            self.num_lines += 1
            place = f"{file}:{number}"
            try:
                yield from self._entries(file, place, row)
            except RowError as error:
                self.report(place, str(error))
            except RecursionError:
                self.report(place, "is nested too deeply to be written again")

    def read_halves(self) -> Iterator[DatasetEntry]:
        """Yield the records of batches, once every file was read."""
        if self.halves is None:
            return
        for place, row in self.halves.joined():
            try:
                if isinstance(row, RowError):
                    raise row
                yield from self._records(place, {}, row)
            except RowError as error:
                self.report(place, str(error))

    def report(self, place: str, problem: str) -> None:
        """Count a line as bad."""
        self.num_bad_lines += 1
        told = self.redactor.problem(problem)
        self.bad_kinds.add(_kind(told), 1)
        if len(self.bad_lines) < MAX_SHOWN:
            self.bad_lines.append(f"{place}: {told}")

    def _entries(
        self, file: str, place: str, read: bytes | Row | RowError
    ) -> Iterator[DatasetEntry]:
        if isinstance(read, RowError):
            raise read
        row = _json_object(read) if isinstance(read, bytes) else read
        name = self._format or self._format_of(file, row)
        if name == "columns" and self.task.columns is not None:
            found: ParsedRow | BatchHalf = column_row(row, self.task.columns)
        else:
            found = read_fields(self.bodies.filled(row) if name == "bedrock_log" else row, name)
        if isinstance(found, BatchHalf):
            assert self.halves is not None, "a reader of batches needs somewhere to keep them"
            self.halves.add(file, place, found)
        else:
            yield from self._records(place, row, found)

    def _format_of(self, file: str, row: Row) -> FormatName:
        named = "columns" if self.task.columns is not None else self.task.format
        self._format = detect_format(row) if named == "auto" else named
        shown = file if len(self.formats) < _MAX_FILES else _OTHER_FILES
        self.formats[shown] = self._format
        return self._format

    def _records(self, place: str, row: Row, found: ParsedRow) -> Iterator[DatasetEntry]:
        if found.markup is not None:
            self.markup[found.markup] += 1
        turns = turns_of(found, self.task.learn)
        if isinstance(found.tool_choice, NamedTool):
            check_offered(found.tool_choice, found.tools or ())
        id_, group, workload = self._names(row, found)
        conversation = None
        if group is None:
            conversation = found.conversation or _conversation_of(row)
        for turn in turns:
            if isinstance(turn, Passed):
                self.no_answer[turn.why] += 1
                continue
            messages = shortened(turn.messages, self.task.max_history_characters)
            self.num_shortened += len(messages) < len(turn.messages)
            reply, gold = self._answer(turn)
            own = f"{id_}/{turn.number}" if id_ and len(turns) > 1 else id_
            if own is None and not self.redactor.redacts:
                own = _content_id(messages, reply, found.tools)
            record = Record(
                id=own or "",
                messages=messages,
                tools=found.tools,
                tool_choice=found.tool_choice,
                reply=reply,
                gold=gold,
                group=group,
                workload=workload,
                provenance=place,
            )
            file = self._num_files if id_ and group is None else None
            opening = _opening(turn.messages, record, always=self.redactor.redacts)
            record = self.redactor.record(record)
            if not record.id:  # of what is left, so that nobody can guess what was there
                content = _content_id(record.messages, record.reply, record.tools)
                record = record.model_copy(update={"id": content})
            if opening is not None:
                opening = self.redactor.opening(opening)
            yield DatasetEntry(record, opening, conversation, file)

    def _answer(self, turn: LearnedTurn) -> tuple[Message | None, str | None]:
        """The reply whole, and the gold answer in it; a reply that holds none is counted."""
        verifier, reply, lacks = self.task.verifier, turn.answer.reply, turn.answer.lacks
        gold = None
        if reply is not None:
            is_sure = False
            if isinstance(verifier, ToolCalls):
                reply, text = _called(reply)
                is_sure = reply.tool_calls is not None and all(
                    surely_gold(call.name, call.arguments) for call in reply.tool_calls
                )
            else:
                text = reply.content
                lacks = None if text else "calls only"
            gold = text if is_sure else self._gold_in(text)
            lacks = lacks or (None if gold else "empty")
        if lacks is not None:
            self.no_answer[lacks] += 1
        return reply, gold

    def _gold_in(self, reply: str) -> str | None:
        gold, fault = (self._short_gold if len(reply) <= LONGEST_LABEL else self._gold)(reply)
        if fault is not None:
            raise RowError(fault)
        return gold

    def _gold(self, reply: str) -> tuple[str | None, str | None]:
        """The gold answer in a reply, and what is wrong with it."""
        gold = gold_in(reply, self.task.verifier, self.task.answer_marker)
        return (gold, gold_fault(self.task.verifier, gold)) if gold else (None, None)

    def _names(self, row: Row, found: ParsedRow) -> tuple[str | None, str | None, str | None]:
        """Id, group and workload of a row."""
        columns = self.task.columns
        id_, group, workload = "id", "group", "workload"
        if columns is not None:
            id_, group = columns.id or id_, columns.group or group
            workload = columns.workload or workload
        return (
            found.id or _optional_text(row, id_),
            _optional_text(row, group),
            found.workload or _optional_text(row, workload),
        )


def _kind(problem: str) -> str:
    """What is wrong with a line, without its words and its numbers."""
    varies = _VARIES.search(problem)
    told = problem if varies is None else problem[: varies.start()].rstrip(" …") + " …"
    return _DIGITS.sub("N", told)


def _conversation_of(row: Row) -> str | None:
    if _ANY_CONVERSATION.isdisjoint(row):
        return None
    names = (name_of(row.get(key)) for key in _CONVERSATIONS)
    return next((name for name in names if name), None)


def _called(reply: Message) -> tuple[Message, str]:
    """A reply and its calls as an answer. Where the answer is calls as JSON, they are the reply's.

    A gold answer that names several right ones stays as it is, and the first of them is the reply.
    """
    text = reply.content.strip()
    if reply.tool_calls or not text.startswith(("[", "{")) or calls_fault(text) is not None:
        return reply, calls_text(reply.tool_calls or ())
    calls = [ToolCall.model_validate(one) for one in json.loads(a_right_answer(text))]
    return reply.model_copy(update={"content": "", "tool_calls": tuple(calls) or None}), text


def _opening(
    messages: tuple[Message, ...], record: Record, *, always: bool
) -> tuple[Message, ...] | None:
    """A conversation up to its first user message; None if the record asks that and no more,
    unless one is always wanted."""
    first = 0
    while messages[first].role != "user":
        first += 1
    if (
        not always
        and first == len(messages) - 1
        and record.tools is None
        and len(messages) == len(record.messages)
    ):
        return None
    return messages[: first + 1]


def _json_object(line: bytes) -> Row:
    if len(line) > MAX_LINE_BYTES:
        raise RowError(f"is longer than {MAX_LINE_BYTES:,} bytes")
    try:
        row = json_value(line, "it")
    except RowError:
        raise
    except UnicodeDecodeError as error:
        raise RowError(f"byte {error.start} is not UTF-8; {conversion()}") from error
    except json.JSONDecodeError as error:
        raise RowError(f"is not JSON: {error.msg} at column {error.colno}") from error
    except (RecursionError, ValueError) as error:
        raise RowError(f"is not JSON that can be read: {error}") from error
    if not isinstance(row, dict):
        raise RowError("is not a JSON object; each line must be one, in braces")
    return row


def _optional_text(row: Row, name: str) -> str | None:
    value = row.get(name)
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise RowError(f"{name} must be text or a whole number")


def _content_id(
    messages: Iterable[Message], reply: Message | None, tools: tuple[Tool, ...] | None
) -> str:
    digest = hashlib.sha256()
    for message in messages:
        digest.update(f"{message.role}\0{message.content}\0".encode())
        if message.tool_calls:
            digest.update(calls_text(message.tool_calls).encode())
    if reply is not None:
        digest.update(reply.content.encode())
        if reply.tool_calls:
            digest.update(calls_text(reply.tool_calls).encode())
    for tool in tools or ():
        digest.update(tool.model_dump_json().encode())
    return digest.hexdigest()[:16]
