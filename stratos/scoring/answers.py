"""The final answer inside a completion."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_EMPHASIS = ("***", "___", "**", "__", "*", "_", "`")
"""Markdown that models put around a marker, alone or with its answer. Longer ones first."""
_AROUND_ANSWER = ("**", "`")
"""Markdown that is taken off an answer alone: what it stands for never begins and ends so."""
_FENCE = "```"
_BULLET = re.compile(r"^(?:[-*•]|\d{1,3}[.)])\s+")
_BRACKETS = ("[]", "{}", "()")


@dataclass(frozen=True)
class Marked:
    """A completion with a marker: what precedes the last one, and the answer behind it."""

    rationale: str
    answer: str


def marked_answer(
    completion: str, marker: str, *, to_end: bool = False, strict: bool = False
) -> Marked | None:
    """Find the answer behind the last marker; None where nothing is marked.

    An empty marker marks nothing. A marker of `#` is no part of a longer row of them.

    Args:
        to_end: Read all that follows. Otherwise the answer ends with its line. JSON that begins
            there ends itself.
        strict: Nothing may follow the answer. A marker of `#` with text behind it and below is
            Markdown's heading, and marks nothing; alone on its line, it marks all lines below.
    """
    text = completion.rstrip()
    at = _last(text, marker)
    if at >= 0 and at + len(marker) == len(text):
        earlier = _last(text[:at], marker)
        if earlier >= 0:  # a heading that is closed, as in "#### 72 ####"
            text, at = text[:at], earlier
    if at < 0:
        return None
    before, tail = text[:at], text[at + len(marker) :]
    for mark in _EMPHASIS:
        if before.endswith(mark) and tail.startswith(mark):
            before, tail = before.removesuffix(mark), tail.removeprefix(mark)
    if strict and not _json(tail.strip()):
        if _is_heading(marker, before, tail):
            return None
        to_end = True
    tail = tail.strip()
    answer = _json(tail) or (tail if to_end else tail.partition("\n")[0].strip())
    for mark in _EMPHASIS:
        if before.endswith(mark) and _ends_in(answer, mark):
            before, answer = before.removesuffix(mark), answer.removesuffix(mark)
    answer = _bare(answer)
    return Marked(_without_repetition(before, marker, answer), answer)


def with_answer(rationale: str, marker: str, answer: str) -> str:
    """Join a rationale and its answer in the form that a reply is read in.

    An answer that holds the marker is not marked: where the gold one does, a reply is read whole.
    """
    body = rationale.strip()
    holds_marker = marked_answer(answer, marker) is not None
    marked = (answer if holds_marker else f"{marker} {answer}").strip()
    return f"{body}\n{marked}" if body else marked


def elements(answer: str, separator: str) -> list[str]:
    """Split a set answer into its items, in their order, without repetition.

    A separator of blanks separates words, with or without commas, and one with a line break the
    lines of a list. Brackets around all items and a full stop after them are not theirs.
    """
    listed = answer.strip()
    if len(listed.removesuffix(".").split(".")) == 1:
        listed = listed.removesuffix(".")
    if listed[:1] + listed[-1:] in _BRACKETS:
        listed = listed[1:-1]
    mark = separator.strip() or ("\n" if "\n" in separator else None)
    parts = (part.strip() for part in listed.split(mark))
    if mark is None:
        parts = (part.rstrip(",;") for part in parts)
    elif mark == "\n":
        parts = (_BULLET.sub("", part) for part in parts)
    return list(dict.fromkeys(part for part in parts if part))


def _last(text: str, marker: str) -> int:
    """Where the last marker begins; -1 where there is none."""
    is_row = bool(marker) and not marker.strip("#")
    end = len(text) if marker else 0
    while (at := text.rfind(marker, 0, end) if end else -1) >= 0:
        around = text[max(0, at - 1) : at] + text[at + len(marker) : at + len(marker) + 1]
        if not is_row or "#" not in around:
            return at
        end = at + len(marker) - 1
    return -1


def _is_heading(marker: str, before: str, tail: str) -> bool:
    """Whether a marker with these around it may as well be Markdown's heading."""
    if marker.strip("#"):
        return False
    line, _, below = tail.strip(" \t").partition("\n")
    begins_line = not before.rpartition("\n")[2].strip("*_` \t")
    return bool(below.strip()) and not (begins_line and not line.strip())


def _json(text: str) -> str:
    """The fenced block or the JSON of several lines that a text begins with; empty where none."""
    line, _, rest = text.partition("\n")
    if line.startswith(_FENCE) and _FENCE in rest:
        return text[: text.index(_FENCE, len(line)) + len(_FENCE)]
    if line.startswith(("{", "[")):
        try:
            _, end = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError):
            return ""
        return text[:end] if end > len(line) else ""
    return ""


def _ends_in(answer: str, mark: str) -> bool:
    """Whether a mark at the end closes one before the marker. Words may hold underscores."""
    inside = answer.removesuffix(mark)
    return inside != answer and inside == inside.rstrip() and ("_" in mark or mark not in inside)


def _bare(answer: str) -> str:
    """Take off pairs of marks around the whole answer, and a full stop after them."""
    for mark in _AROUND_ANSWER * len(_AROUND_ANSWER):
        inside = answer.removesuffix(".").removeprefix(mark).removesuffix(mark)
        paired = answer in (f"{mark}{inside}{mark}", f"{mark}{inside}{mark}.")
        if paired and inside.strip() and mark not in inside:
            answer = inside.strip()
    return answer


def _without_repetition(rationale: str, marker: str, answer: str) -> str:
    """Drop the same marked answer from the end of what precedes it: small models repeat it."""
    lines = rationale.strip().split("\n")
    repeated = ("", marker, f"{marker} {answer}", f"{marker}{answer}")
    while lines and lines[-1].strip() in repeated:
        lines.pop()
    return "\n".join(lines).strip()
