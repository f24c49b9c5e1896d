"""The final answer inside a completion."""

from __future__ import annotations

_EMPHASIS = ("**", "__", "*", "_", "`")
"""Markdown that models put around a marker with its answer."""
_AROUND_ANSWER = ("**", "`")
"""Markdown that is taken off an answer alone: what it stands for never begins and ends so."""


def final_answer(completion: str, marker: str) -> str:
    """Return what follows the last marker on its line; the whole text where there is none."""
    found = _split(completion, marker)
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


def _split(completion: str, marker: str) -> tuple[str, str] | None:
    """The rationale and the answer; None where nothing is marked. An empty marker marks nothing."""
    if not marker or marker not in completion:
        return None
    text = completion.rstrip()
    closed = text.removesuffix(marker)
    if marker in closed:  # a heading that is closed, as in "#### 72 ####"
        text = closed
    head, _, tail = text.rpartition(marker)
    answer = tail.strip().partition("\n")[0].strip()
    before = head.rstrip(" \t")
    for mark in _EMPHASIS:
        if before.endswith(mark) and answer.endswith(mark):
            before, answer = before.removesuffix(mark), answer.removesuffix(mark).rstrip()
            break
    for mark in _AROUND_ANSWER:
        inside = answer.removeprefix(mark).removesuffix(mark)
        if len(inside) == len(answer) - 2 * len(mark):
            answer = inside.strip()
    return before.strip(), answer
