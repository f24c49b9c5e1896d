"""Personal data out of records, before anything of them is stored.

A value becomes a placeholder such as `<EMAIL_1>`. Within a record the same value has the same
placeholder, wherever it stands, so that answers still agree with questions.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pydantic import JsonValue

from stratos.contracts.messages import Message, ToolCall
from stratos.contracts.records import Record
from stratos.spec import PersonalData, Task

if TYPE_CHECKING:
    from stratos.dataset.personal_data import PersonalDataFinder, PersonalValue

Changed = TypeVar("Changed")
_ALIAS_BYTES = 8
_FIRST_QUOTE = re.compile(r"['\"`:(]| found | the fields ")
"""Where a message about a line may begin to quote it."""
_MOST_WRITTEN = 100
"""Of one record; each is looked for in every text of it."""
_WITHHELD = "… (task.redact: the line is not quoted)"


class Redactor:
    """Redacts records, and counts by kind what was replaced.

    Without `task.redact` it gives everything back as it is.
    """

    def __init__(self, task: Task) -> None:
        self._finder, self._kinds = _finder(task), task.redact
        self._key = secrets.token_bytes(32)
        """Of this inspection only. Kept, or made of the upload, it would let others who can read
        it try names until one fits."""
        self.counts: Counter[PersonalData] = Counter()
        """Kind → places where one was replaced."""
        self.num_records = 0
        """Records in which something was replaced."""
        self._found: dict[str, list[PersonalValue]] = {}
        """Text → what is in it; of the last record."""

    @property
    def redacts(self) -> bool:
        """Whether anything is looked for."""
        return self._finder is not None

    def record(self, record: Record) -> Record:
        """A record without personal data."""
        if self._finder is None:
            return record
        self._found = {}
        placeholders = _Placeholders(self._finder, self._found)
        changed = placeholders.settled(partial(placeholders.said_in, record))
        names = {
            field: self._alias(value)
            for field in ("id", "group", "workload")
            if (value := getattr(record, field)) is not None and self._finder.find(value)
        }
        if not placeholders.counts and not names:
            return record
        self.counts.update(placeholders.counts)
        self.num_records += 1
        return record.model_copy(update=changed | names)

    def opening(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """What a conversation begins with, redacted alone: the same, whatever follows it.

        Args:
            messages: Of the record that was redacted last.
        """
        if self._finder is None:
            return messages
        placeholders = _Placeholders(self._finder, self._found)
        return placeholders.settled(partial(placeholders.messages, messages))

    def told(self) -> dict[PersonalData, int] | None:
        """The counts of every kind that was looked for; None if none was."""
        return {kind: self.counts[kind] for kind in self._kinds} or None

    def problem(self, problem: str) -> str:
        """What is wrong with a line, without words of the line."""
        if self._finder is None:
            return problem
        quotes = [match.start() for match in (_FIRST_QUOTE.search(problem),) if match]
        quotes += [one.start for one in self._finder.find(problem)[:1]]
        return problem[: min(quotes)].rstrip() + _WITHHELD if quotes else problem

    def _alias(self, name: str) -> str:
        """Another name, the same for the same name: groups stay together."""
        return hashlib.blake2b(name.encode(), digest_size=_ALIAS_BYTES, key=self._key).hexdigest()


class _Placeholders:
    """Of one record."""

    def __init__(self, finder: PersonalDataFinder, found: dict[str, list[PersonalValue]]) -> None:
        self._finder, self._found = finder, found
        self._given: dict[tuple[PersonalData, str], str] = {}
        """Kind and value → placeholder."""
        self._last: Counter[PersonalData] = Counter()
        self._written: dict[str, tuple[PersonalData, str]] = {}
        """Ways in which values were written, which may be told less surely elsewhere."""
        self.counts: Counter[PersonalData] = Counter()

    def settled(self, redact: Callable[[], Changed]) -> Changed:
        """Redact a second time if anything was found: what was told late may stand earlier, too."""
        changed = redact()
        if not self.counts:
            return changed
        self.counts.clear()
        return redact()

    def messages(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """Messages, redacted."""
        return tuple(map(self._message, messages))

    def said_in(self, record: Record) -> dict[str, object]:
        """The fields of a record that hold texts, redacted."""
        return {
            "messages": self.messages(record.messages),
            "reply": None if record.reply is None else self._message(record.reply),
            "gold": None if record.gold is None else self._text(record.gold),
        }

    def _message(self, message: Message) -> Message:
        content, calls = self._text(message.content), message.tool_calls
        if calls is not None:
            calls = tuple(self._call(call) for call in calls)
        return message.model_copy(update={"content": content, "tool_calls": calls})

    def _text(self, text: str) -> str:
        """A text; JSON stays JSON, and keeps its layout if nothing is in it."""
        if text.lstrip()[:1] in ("{", "["):
            before = self.counts.total()
            try:
                value = self._value(json.loads(text))
            except (ValueError, RecursionError):
                return self._plain(text)
            return text if self.counts.total() == before else json.dumps(value, ensure_ascii=False)
        return self._plain(text)

    def _call(self, call: ToolCall) -> ToolCall:
        arguments = {name: self._value(value) for name, value in call.arguments.items()}
        return call.model_copy(update={"arguments": arguments})

    def _value(self, value: JsonValue) -> JsonValue:
        match value:
            case str():
                return self._text(value)
            case bool() | None:
                return value
            case int():
                redacted = self._plain(str(value))
                return value if redacted == str(value) else redacted
            case dict():
                return {self._plain(name): self._value(each) for name, each in value.items()}
            case list():
                return [self._value(each) for each in value]
            case _:
                return value

    def _plain(self, text: str) -> str:
        if text not in self._found:
            self._found[text] = self._finder.find(text)
        parts, end = [], 0
        for one in self._found[text]:
            written, end_before = text[one.start : one.end], end
            if len(self._written) < _MOST_WRITTEN:
                self._written[written] = (one.kind, one.value)
            end = one.end
            parts.append(self._known(text[end_before : one.start]))
            parts.append(self._placeholder(one.kind, one.value))
        return "".join([*parts, self._known(text[end:])])

    def _known(self, text: str) -> str:
        """A text without what is known from another to be personal."""
        for written, (kind, value) in self._written.items():
            if written in text:
                pattern = rf"(?<!\w){re.escape(written)}(?!\w)"
                text = re.sub(pattern, partial(self._instead, kind, value), text)
        return text

    def _instead(self, kind: PersonalData, value: str, _: re.Match[str]) -> str:
        return self._placeholder(kind, value)

    def _placeholder(self, kind: PersonalData, value: str) -> str:
        self.counts[kind] += 1
        if (kind, value) not in self._given:
            self._last[kind] += 1
            self._given[kind, value] = f"<{kind.upper()}_{self._last[kind]}>"
        return self._given[kind, value]


def _finder(task: Task) -> PersonalDataFinder | None:
    if not task.redact:
        return None
    # Its libraries are loaded only where they are wanted.
    from stratos.dataset.personal_data import PersonalDataFinder

    return PersonalDataFinder(task.redact, task.phone_regions)
