"""How a model writes calls, found out from what its chat template makes of known ones.

No family is known here. A template is asked to render calls whose names and values occur nowhere
else; what stands around them is the syntax. Whether it was understood is checked on more calls.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from stratos.catalog.call_forms import (
    CallForm,
    JsonCall,
    NameThenJson,
    PythonCall,
    TaggedCall,
    Tools,
    WrittenCall,
    read_object,
)
from stratos.catalog.written_reply import Render, ReplyFrame

_FIRST, _SECOND = "stratos_first_tool", "stratos_second_tool"
_KEY, _OTHER_KEY = "stratos_key", "stratos_other_key"
_VALUE, _OTHER_VALUE = "stratos value", "stratos other value"
_BLANKS = re.compile(r"\s+|(?<=[>,\[\]{}])(?=\S)")
"""Where blanks stand, or may stand: models are not exact about them."""
_ID = re.compile(r"marked\d{3}")
"""Of a call in what is rendered: nine letters and digits, as some templates demand."""
_MOST_CALLS = 128
"""In one reply: more are babble."""

_TEXT = {"type": "string", "description": "A text."}
_TOOLS: Tools = {
    _FIRST: {
        _KEY: _TEXT,
        _OTHER_KEY: _TEXT,
        "count": {"type": "integer", "description": "A number."},
        "exact": {"type": "boolean", "description": "Yes or no."},
        "items": {"type": "array", "items": _TEXT, "description": "Texts."},
    },
    _SECOND: {_KEY: _TEXT},
}
"""Offered in what is rendered."""
_ONE = (WrittenCall(_FIRST, {_KEY: _VALUE}),)
_TWO_ARGUMENTS = (WrittenCall(_FIRST, {_KEY: _VALUE, _OTHER_KEY: _OTHER_VALUE}),)
_NO_ARGUMENT = (WrittenCall(_FIRST, {}),)
_TWO = (*_ONE, WrittenCall(_SECOND, {_KEY: _OTHER_VALUE}))
_TYPED = (WrittenCall(_FIRST, {_KEY: "2 words", "count": 7, "exact": True, "items": ["a", "b"]}),)
_REPLIES = (_ONE, _TWO_ARGUMENTS, _NO_ARGUMENT, _TWO, _TYPED)


@dataclass(frozen=True)
class ReadCalls:
    """A reply taken apart.

    Attributes:
        text: What precedes the calls.
    """

    text: str
    calls: tuple[WrittenCall, ...]


@dataclass(frozen=True)
class CallSyntax:
    """How calls are written.

    Attributes:
        opens: What precedes the first call; empty where a reply is nothing but a call.
        joins: Matches what stands between two calls; None where there is one at most.
        closes: Matches what follows the last, if it was not left out.
    """

    form: CallForm
    opens: str
    joins: re.Pattern[str] | None
    closes: re.Pattern[str]

    def begins_in(self, text: str) -> bool:
        """Whether a call begins in a reply, if one can be told from text by how it begins."""
        return _is_telling(self.opens) and _loose(self.opens).search(text) is not None

    def read(self, text: str, tools: Tools) -> ReadCalls | None:
        """Take a reply apart; None where it holds no call that can be read."""
        opens = _loose(self.opens)
        told = _is_telling(self.opens)
        start = len(text) - len(text.lstrip())
        found = opens.search(text) if told else opens.match(text, start)
        if found is None:
            return None
        calls: list[WrittenCall] = []
        position, following = found.end(), found.end()
        while len(calls) < _MOST_CALLS:
            read = self.form.read(text, following, tools)
            if read is None:
                break
            calls.append(read[0])
            position = read[1]
            joint = self.joins and self.joins.match(text, position)
            if not joint:
                break
            following = joint.end()
        if not calls:
            return None
        closed = self.closes.match(text, position)
        if not closed and text[position:].strip():
            return None
        if not told and text[closed.end() if closed else position :].strip():
            return None  # a text that happens to begin like a call
        return ReadCalls(text[: found.start()].strip(), tuple(calls))


def derive_syntax(render: Render) -> CallSyntax:
    """The syntax in which a template writes calls.

    Raises:
        ValueError: it writes none, or none that can be read again; the message says why.
    """
    written = _written(render)
    one, two_arguments, no_argument, two, _ = written
    if one is None or _FIRST not in one or _VALUE not in one:
        raise ValueError("it leaves out the name or the arguments of an assistant's call")
    form, start, end = _form(one, two_arguments or "", no_argument or "")
    joins = None
    if two is not None and _SECOND in two and two.startswith(one[:end]):
        at = _second_start(two, end, form)
        joins = None if at is None else _around(two[end:at])
    syntax = CallSyntax(form, one[:start], joins, _around(one[end:]))
    _check(syntax, written)
    return syntax


def _written(render: Render) -> list[str | None]:
    """What the template writes for each reply; None where it refuses one but not the first."""
    frame = ReplyFrame.of(render)
    question = [{"role": "user", "content": "Stratos asks."}]
    tools = [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": "A tool.",
                "parameters": {"type": "object", "properties": properties, "required": [_KEY]},
            },
        }
        for name, properties in _TOOLS.items()
    ]
    written: list[str | None] = []
    for calls in _REPLIES:
        try:
            written.append(frame.written(render, question, tools, _message(calls)))
        except (MemoryError, RecursionError, OverflowError):
            raise  # it has no end
        except Exception:  # whatever a template raises
            if not written:
                raise
            written.append(None)
    return written


def _message(calls: Sequence[WrittenCall]) -> dict[str, Any]:
    called = [
        {
            "id": f"marked{number:03d}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for number, call in enumerate(calls)
    ]
    return {"role": "assistant", "content": "", "tool_calls": called}


def _form(one: str, two_arguments: str, no_argument: str) -> tuple[CallForm, int, int]:
    """The form of a call, and where the call stands in the first reply."""
    at = one.index(_FIRST)
    for start in (i for i in range(at, -1, -1) if one[i] == "{"):
        found = read_object(one, start)
        if found is not None and (form := _json_form(found[0], no_argument)) is not None:
            return form, start, found[1]
    after = at + len(_FIRST)
    key_at, value_at = one.find(_KEY, after), one.find(_VALUE, after)
    if key_at < 0 or value_at < key_at:
        raise ValueError("where it writes the arguments of a call was not understood")
    if one.startswith("(", after):
        read = PythonCall().read(one, at, {})
        if read is not None:
            return PythonCall(), at, read[1]
    brace = one.rfind("{", after, key_at)
    read_arguments = read_object(one, brace) if brace >= 0 else None
    if read_arguments is not None and read_arguments[0] == _ONE[0].arguments:
        return NameThenJson(_around(one[after:brace])), at, read_arguments[1]
    tagged = _tagged_form(one[after:], two_arguments.partition(_FIRST)[2], no_argument)
    read = tagged.read(one, at, {})
    if read is None:
        raise ValueError("the form of its calls was not understood")
    return tagged, at, read[1]


def _json_form(found: Mapping[str, Any], no_argument: str) -> JsonCall | None:
    name_key = next((key for key, value in found.items() if value == _FIRST), None)
    for key, value in found.items():
        inside = read_object(value, 0) if isinstance(value, str) else None
        given = inside[0] if inside is not None else value
        if name_key is not None and given == _ONE[0].arguments:
            return JsonCall(name_key, key, f'"{key}"' in no_argument, inside is not None)
    return None


def _tagged_form(after: str, two: str, none: str) -> TaggedCall:
    """A form of tags, from what follows the name: with one argument, with two, and with none."""
    before_key, _, rest = after.partition(_KEY)
    between, _, ends = rest.partition(_VALUE)
    next_argument = two.partition(_VALUE)[2].partition(_OTHER_KEY)[0]
    after_name = _shared(before_key, none.partition(_FIRST)[2])
    closes = _shared(next_argument, ends)
    opens = before_key.removeprefix(after_name)
    if not (after_name and opens and between and closes and next_argument == closes + opens):
        raise ValueError("the form of its calls was not understood")
    return TaggedCall(after_name, opens, between, closes)


def _shared(one: str, other: str) -> str:
    """What two texts begin with."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return one[: sum(1 for _ in pairs)]


def _second_start(two: str, end: int, form: CallForm) -> int | None:
    """Where the second call begins: it ends behind its value."""
    at = two.index(_SECOND)
    starts = [at] if not isinstance(form, JsonCall) else range(at, end - 1, -1)
    for start in starts:
        read = form.read(two, start, _TOOLS)
        if read is not None and read[0] == _TWO[1]:
            return start
    return None


def _check(syntax: CallSyntax, written: Sequence[str | None]) -> None:
    """Read every reply again. Not every template takes two calls, or a call without arguments."""
    for text, calls in zip(written, _REPLIES, strict=True):
        if text is None or (calls is _TWO and syntax.joins is None):
            continue
        read = syntax.read(text, _TOOLS)
        if read is None or read.calls != calls:
            got = "nothing" if read is None else ", ".join(str(one) for one in read.calls)
            raise ValueError(
                f"the calls that it writes cannot be read again: of {text[:200]!r} {got} was read"
            )


def _is_telling(opens: str) -> bool:
    """Whether it can be looked for in a text; a lone bracket can stand anywhere."""
    return any(sign.isalnum() for sign in opens)


def _around(literal: str) -> re.Pattern[str]:
    """Matches a text, and blanks in and around it."""
    return re.compile(rf"\s*{_loose(literal).pattern}")


def _loose(literal: str) -> re.Pattern[str]:
    """Matches a text, whatever blanks stand in it and behind it, and whatever a call's id is."""
    inside = r"\s*".join(re.escape(part) for part in _BLANKS.split(literal.strip()))
    return re.compile(_ID.sub(r"[\\w-]+", inside) + r"\s*")
