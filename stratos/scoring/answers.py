"""The final answer inside a completion."""

from __future__ import annotations


def final_answer(completion: str, marker: str) -> str:
    """Return what follows the last marker on its line; the whole text where there is none."""
    _, found, tail = completion.rpartition(marker)
    if not found:
        return completion.strip()
    return tail.strip().partition("\n")[0].strip()


def rationale_of(completion: str, marker: str) -> str:
    """Return what precedes the last marker; empty where there is no marker."""
    head, found, _ = completion.rpartition(marker)
    return head.strip() if found else ""


def with_answer(rationale: str, marker: str, answer: str) -> str:
    """Join a rationale and its answer in the form that `final_answer` reads."""
    body = rationale.strip()
    return f"{body}\n{marker} {answer}" if body else f"{marker} {answer}"


def elements(answer: str, separator: str) -> list[str]:
    """Split a set answer into its items, in their order, without repetition."""
    parts = (part.strip() for part in answer.split(separator.strip() or None))
    return list(dict.fromkeys(part for part in parts if part))
