"""The final answer inside a completion."""

from __future__ import annotations

import json

_EMPHASIS = ("***", "___", "**", "__", "*", "_", "`")
"""Markdown that models put around a marker, alone or with its answer. Longer ones first."""
_AROUND_ANSWER = ("**", "`")
"""Markdown that is taken off an answer alone: what it stands for never begins and ends so."""
_FENCE = "```"


def final_answer(completion: str, marker: str, *, to_end: bool = False) -> str:
    """Return what follows the last marker; the whole text where there is none.

    Args:
        to_end: Read all that follows. Otherwise the answer ends with its line. JSON that begins
            there ends itself.
    """
    found = _split(completion, marker, to_end=to_end)
    return completion.strip() if found is None else found[1]


def rationale_of(completion: str, marker: str) -> str:
    """Return what precedes the last marker; empty where there is no marker."""
    found = _split(completion, marker)
    return "" if found is None else found[0]


def with_answer(rationale: str, marker: str, answer: str) -> str:
    """Join a rationale and its answer in the form that `final_answer` reads."""
    body = rationale.strip()
    marked = f"{marker} {answer}".strip()
    return f"{body}\n{marked}" if body else marked


def elements(answer: str, separator: str) -> list[str]:
    """Split a set answer into its items, in their order, without repetition."""
    parts = (part.strip() for part in answer.split(separator.strip() or None))
    return list(dict.fromkeys(part for part in parts if part))


def unfenced(text: str) -> str:
    """Strip the Markdown fence that models put around JSON."""
    stripped = text.strip()
    first, _, rest = stripped.partition("\n")
    if first.rstrip().lower() in ("```", "```json") and rest.endswith("```"):
        return rest.removesuffix("```")
    return text


def _split(completion: str, marker: str, *, to_end: bool = False) -> tuple[str, str] | None:
    """The rationale and the answer; None where nothing is marked. An empty marker marks nothing."""
    if not marker or marker not in completion:
        return None
    text = completion.rstrip()
    closed = text.removesuffix(marker)
    if marker in closed:  # a heading that is closed, as in "#### 72 ####"
        text = closed
    before, _, tail = text.rpartition(marker)
    while mark := next((m for m in _EMPHASIS if before.endswith(m) and tail.startswith(m)), None):
        before, tail = before.removesuffix(mark), tail.removeprefix(mark)
    tail = tail.strip()
    answer = _json(tail) or (tail if to_end else tail.partition("\n")[0].strip())
    while mark := next((m for m in _EMPHASIS if before.endswith(m) and _ends_in(answer, m)), None):
        before, answer = before.removesuffix(mark), answer.removesuffix(mark)
    answer = _bare(answer)
    return _without_repetition(before, marker, answer), answer


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
    while lines and lines[-1].strip() in ("", marker, f"{marker} {answer}", f"{marker}{answer}"):
        lines.pop()
    return "\n".join(lines).strip()
