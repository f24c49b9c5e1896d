"""The forms in which models write one call: its name and its arguments, as text.

Each form reads a call that begins at a position, and tells where it ends. What a model writes may
be anything: a form returns None for what is no call, in time linear in the text.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import JsonValue

Properties = Mapping[str, Mapping[str, Any]]
"""A tool's parameters: their names → their JSON Schemas."""
Tools = Mapping[str, Properties]
_NAME = re.compile(r"[\w.:/-]{1,128}")
_CONSTANTS = {"null": None, "true": True, "false": False}
"""JSON's, in a call that is otherwise written as in Python."""
_AS_JSON = {"None": "null", "True": "true", "False": "false"}
"""Python's constants, which templates write that turn values into text."""
_DECODER = json.JSONDecoder(parse_constant=lambda constant: _no_number(constant))
_MALFORMED = (ValueError, RecursionError, MemoryError, SyntaxError, TypeError)


@dataclass(frozen=True)
class WrittenCall:
    """A call as a model wrote it."""

    name: str
    arguments: dict[str, JsonValue]


class CallForm(Protocol):
    """How one call is written."""

    def read(self, text: str, position: int, tools: Tools) -> tuple[WrittenCall, int] | None:
        """The call that begins at a position, and where it ends; None where there is none."""
        ...


@dataclass(frozen=True)
class JsonCall:
    """One object with the name and the arguments: `{"name": "f", "arguments": {"x": 1}}`.

    Attributes:
        always_has_arguments: An object without them is none.
        as_text: The arguments are JSON inside a string.
    """

    name_key: str
    arguments_key: str
    always_has_arguments: bool
    as_text: bool

    def read(self, text: str, position: int, tools: Tools) -> tuple[WrittenCall, int] | None:
        found = read_object(text, position)
        if found is None:
            return None
        whole, end = found
        name = whole.get(self.name_key)
        given = whole.get(self.arguments_key, None if self.always_has_arguments else {})
        if self.as_text and isinstance(given, str):
            inside = read_object(given, 0)
            given = None if inside is None else inside[0]
        if not isinstance(name, str) or not isinstance(given, dict):
            return None
        return WrittenCall(name, given), end


@dataclass(frozen=True)
class NameThenJson:
    """The name, and then the arguments as one object: `f[ARGS]{"x": 1}`.

    Attributes:
        between: Matches what stands between them.
    """

    between: re.Pattern[str]

    def read(self, text: str, position: int, tools: Tools) -> tuple[WrittenCall, int] | None:
        name = _NAME.match(text, position)
        joint = name and self.between.match(text, name.end())
        if name is None or joint is None:
            return None
        found = read_object(text, joint.end())
        return None if found is None else (WrittenCall(name[0], found[0]), found[1])


@dataclass(frozen=True)
class PythonCall:
    """A call with keywords, as in Python: `f(x=1, y='a')`."""

    def read(self, text: str, position: int, tools: Tools) -> tuple[WrittenCall, int] | None:
        name = _NAME.match(text, position)
        if name is None or not text.startswith("(", name.end()):
            return None
        end = _closing(text, name.end())
        if end is None:
            return None
        arguments = _keywords(text[name.end() : end])
        return None if arguments is None else _sound(name[0], arguments, end)


@dataclass(frozen=True)
class TaggedCall:
    """The name, and then a tag for each argument: `<f><arg=x>1</arg></f>`.

    A value is text. What it stands for is told by the tool's schema.

    Attributes:
        after_name: What follows the name, with and without arguments.
        opens: What precedes an argument's name.
        between: What stands between an argument's name and its value.
        closes: What follows a value.
    """

    after_name: str
    opens: str
    between: str
    closes: str

    def read(self, text: str, position: int, tools: Tools) -> tuple[WrittenCall, int] | None:
        name = _NAME.match(text, position)
        if name is None or not text.startswith(self.after_name, name.end()):
            return None
        end, properties = name.end() + len(self.after_name), tools.get(name[0], {})
        arguments: dict[str, JsonValue] = {}
        while text.startswith(self.opens, end):
            start = end + len(self.opens)
            middle = text.find(self.between, start)
            if middle < 0:
                return None
            value_at = middle + len(self.between)
            close = text.find(self.closes, value_at)
            if close < 0:
                return None
            key = text[start:middle]
            arguments[key] = _typed(text[value_at:close], properties.get(key, {}))
            end = close + len(self.closes)
        return _sound(name[0], arguments, end)


def read_object(text: str, position: int) -> tuple[dict[str, JsonValue], int] | None:
    """The JSON object that begins at a position, and its end."""
    if not text.startswith("{", position):
        return None
    try:
        found, end = _DECODER.raw_decode(text, position)
        return _as_json(found), end
    except _MALFORMED:
        return None


def _no_number(constant: str) -> float:
    raise ValueError(f"JSON has no {constant}")


def _as_json(value: Any) -> Any:
    """A value as JSON has it.

    Raises:
        ValueError, TypeError, RecursionError: JSON has no word for it, or no file can hold it:
            infinite numbers, half characters.
    """
    written = json.dumps(value, ensure_ascii=False, allow_nan=False)
    written.encode()
    return json.loads(written)


def _sound(name: str, arguments: Any, end: int) -> tuple[WrittenCall, int] | None:
    try:
        return WrittenCall(name, _as_json(arguments)), end
    except _MALFORMED:
        return None


def _closing(text: str, start: int) -> int | None:
    """Just behind the bracket that closes the one at `start`; brackets inside quotes are text."""
    depth, quote, position = 0, "", start
    while position < len(text):
        sign = text[position]
        if quote:
            if sign == "\\":
                position += 1
            elif sign == quote:
                quote = ""
        elif sign in "'\"":
            quote = sign
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
            if depth == 0:
                return position + 1
        position += 1
    return None


class _JsonConstants(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(_CONSTANTS[node.id]) if node.id in _CONSTANTS else node


def _keywords(bracketed: str) -> dict[str, Any] | None:
    """The values of a call's keywords; None where it has anything else."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not know
            called = ast.parse(f"f{bracketed}", mode="eval").body
        if not isinstance(called, ast.Call) or called.args:
            return None
        if any(one.arg is None for one in called.keywords):
            return None
        constants = _JsonConstants()
        values = {one.arg: ast.literal_eval(constants.visit(one.value)) for one in called.keywords}
    except _MALFORMED:
        return None
    return {str(key): value for key, value in values.items()}


def _typed(text: str, schema: Mapping[str, Any]) -> JsonValue:
    """What a text stands for: templates write strings bare, and all else as JSON or Python does."""
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if kinds == ["string"]:
        return text
    try:
        value: JsonValue = json.loads(_AS_JSON.get(text, text), parse_constant=_no_number)
    except _MALFORMED:
        return text
    return text if "string" in kinds and isinstance(value, dict | list) else value
