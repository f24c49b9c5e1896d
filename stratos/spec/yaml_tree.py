"""YAML as a spec may use it: plain data with line numbers, read without trusting the file.

The scalars are those of YAML 1.2's core schema, so that `no` and `1:30` stay text. Aliases, tags
and more than one document are refused, and size and depth are bounded before anything is built:
neither a bomb of aliases nor ten megabytes of brackets gets further than the first check.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from stratos.problems import Problem

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_NODES = 20_000

Location = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?[0-9]{1,30}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def path_text(location: Location) -> str:
    """Return a location as people write it: `teachers[0].path`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass
class YamlTree:
    """A file as plain dicts, lists and scalars, and where each of them began."""

    data: object = None
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line_of(self, location: Location) -> int | None:
        """Line of a location, or of the nearest thing around it that exists."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location)

    def report(self, location: Location, message: str) -> None:
        self.problems.append(
            Problem(path=path_text(location), line=self.line_of(location), message=message)
        )

    def at(self, *location: str | int) -> object:
        """The value at a location, or None where there is nothing."""
        node = self.data
        for part in location:
            if isinstance(node, dict) and isinstance(part, str):
                node = node.get(part)
            elif isinstance(node, list) and isinstance(part, int) and part < len(node):
                node = node[part]
            else:
                return None
        return node


class _UnreadableError(Exception):
    """Reading cannot go on; the problem is on record."""


def read_yaml(content: str | bytes) -> YamlTree:
    """Read a file; whatever is wrong with it is in the `problems` of the result."""
    tree = YamlTree()
    size = len(content.encode("utf-8", "replace")) if isinstance(content, str) else len(content)
    if size > MAX_BYTES:
        tree.report(
            (),
            f"the file is larger than the {MAX_BYTES:,} bytes that a spec may have; "
            "put data into files beside it",
        )
        return tree
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        _Builder(tree, yaml.parse(text, Loader=yaml.SafeLoader)).build()
    except UnicodeDecodeError as error:
        tree.report((), f"byte {error.start} is not UTF-8; save the file as UTF-8 text")
    except yaml.reader.ReaderError as error:
        tree.report((), f"character {error.position} is not allowed in YAML: {error.reason}")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        context = f"{error.context}: " if error.context else ""
        line = mark.line + 1 if mark else None
        tree.problems.append(
            Problem(path="", line=line, message=f"not valid YAML: {context}{error.problem}")
        )
    except yaml.YAMLError as error:
        tree.report((), f"not valid YAML: {error}")
    except _UnreadableError:
        pass
    return tree


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


class _Builder:
    """Builds the tree from parser events, which arrive lazily: a check stops the parser too."""

    def __init__(self, tree: YamlTree, events: Iterator[yaml.Event]) -> None:
        self._tree = tree
        self._events = events
        self._num_nodes = 0

    def build(self) -> None:
        self._next()  # stream start
        event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            self._tree.report((), "the file is empty; start with `version: 1` and `name:`")
            return
        self._tree.data = self._node(self._next(), ())
        self._next()  # document end
        if not isinstance(self._next(), yaml.StreamEndEvent):
            self._tree.report((), "more than one YAML document; keep one, without `---`")

    def _next(self) -> yaml.Event:
        try:
            return next(self._events)
        except (ValueError, OverflowError) as error:  # PyYAML on an escape such as "\UFFFFFFFF"
            if isinstance(error, UnicodeError):
                raise
            self._tree.report((), f"not valid YAML: {error}")
            raise _UnreadableError from error

    def _fatal(self, location: Location, message: str) -> _UnreadableError:
        self._tree.report(location, message)
        return _UnreadableError()

    def _node(self, event: yaml.Event, location: Location) -> object:
        tree = self._tree
        tree.lines.setdefault(location, _line(event))
        self._num_nodes += 1
        if self._num_nodes > MAX_NODES:
            raise self._fatal(location[:2], f"more than {MAX_NODES:,} values; a spec needs few")
        if len(location) > MAX_DEPTH:
            raise self._fatal(
                location[:2], f"nested deeper than {MAX_DEPTH} levels; a spec needs about 5"
            )
        if isinstance(event, yaml.AliasEvent):
            tree.report(location, f"alias *{event.anchor}: aliases are refused; write the value")
            return None
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            tree.report(location, f"tag {tag}: tags are refused; write the plain value")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(location)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(location)
        assert isinstance(event, yaml.ScalarEvent)
        return self._scalar(event, location)

    def _sequence(self, location: Location) -> list[object]:
        items: list[object] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, (*location, len(items))))
        return items

    def _mapping(self, location: Location) -> dict[str, object]:
        tree = self._tree
        fields: dict[str, object] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._fatal(
                    location,
                    f"line {_line(event)} has a field whose name is not plain text; "
                    "quote braces and brackets that belong to a value",
                )
            key, line = self._text(event.value, location), _line(event)
            child = (*location, key)
            if key in fields:
                tree.problems.append(
                    Problem(
                        path=path_text(child),
                        line=line,
                        message=f"given twice, first on line {tree.lines[child]}; keep one",
                    )
                )
            tree.lines.setdefault(child, line)
            fields[key] = self._node(self._next(), child)
        return fields

    def _scalar(self, event: yaml.ScalarEvent, location: Location) -> object:
        text = self._text(event.value, location)
        if event.style is not None:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _NOT_FINITE.fullmatch(text) or (_FLOAT.fullmatch(text) and math.isinf(float(text))):
            self._tree.report(location, f"{text[:40]} is not a finite number; leave the field out")
            return None
        return float(text) if _FLOAT.fullmatch(text) else text

    def _text(self, text: str, location: Location) -> str:
        """A text without halves of surrogate pairs, which an escape can write and no file hold."""
        whole = text.encode("utf-8", "replace").decode()
        if whole != text:
            self._tree.report(
                location,
                "a text has half of a surrogate pair, such as `\\ud800`, without its other half; "
                "write the whole character",
            )
        return whole
