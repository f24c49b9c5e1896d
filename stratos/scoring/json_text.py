"""The JSON in a reply: alone, in a fence, or with a sentence around it."""

from __future__ import annotations

import re

from stratos.scoring.json_values import read_json

_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})[ \t]*([^\s`{\[]*)[ \t]*(.*)")
_LANGUAGES = frozenset(["", "json", "json5", "jsonc", "jsonl", "javascript", "js"])
_STRUCTURE = re.compile(r'["\n{}\[\]]|\\.?', re.DOTALL)
_CLOSES = {"}": "{", "]": "["}


def json_in(reply: str) -> str:
    """Return the JSON that a reply holds.

    It is the reply itself; or else the last fenced block that is JSON; or else the only object or
    list in its text.

    Raises:
        ValueError: when there is none, or several that nothing tells apart.
        RecursionError: when it is nested too deeply.
    """
    if is_json(whole := reply.strip().removeprefix("\ufeff")):
        return whole
    for block in reversed(_fenced(reply)):
        if is_json(block):
            return block
    found = [region for region in _regions(reply) if is_json(region)]
    if len(found) != 1:
        raise ValueError(f"{len(found) or 'no'} JSON values in the text; needed one")
    return found[0]


def holds_json(reply: str) -> bool:
    """Tell whether `json_in` finds something."""
    try:
        json_in(reply)
    except (ArithmeticError, RecursionError, ValueError):
        return False
    return True


def is_json(text: str) -> bool:
    """Tell whether a text is JSON and nothing else."""
    try:
        read_json(text)
    except (ArithmeticError, ValueError):
        return False
    return True


def _fenced(text: str) -> list[str]:
    """The blocks between fences that may hold JSON; one that is never closed is none."""
    blocks: list[str] = []
    inside: list[str] | None = None
    closing = language = ""
    for line in text.split("\n"):
        fence = _FENCE.fullmatch(line)
        if inside is None and fence:
            closing, language, rest = fence[1], fence[2].lower(), fence[3]
            inside = [rest] if rest else []
        elif inside is not None and line.rstrip().endswith(closing):
            inside.append(line.rstrip().removesuffix(closing))
            if language in _LANGUAGES:
                blocks.append("\n".join(inside).strip())
            inside = None
        elif inside is not None:
            inside.append(line)
    return blocks


def _regions(text: str) -> list[str]:
    """Stretches from an opening bracket to its closing one, found in one pass."""
    regions: list[str] = []
    opened: list[str] = []
    start, in_text = 0, False
    for found in _STRUCTURE.finditer(text):
        mark = found[0]
        if mark == '"' and opened:
            in_text = not in_text
        elif mark == "\n" and in_text:  # JSON's texts have no line breaks: this was none
            opened, in_text = [], False
        elif in_text:
            continue
        elif mark in "{[":
            start = start if opened else found.start()
            opened.append(mark)
        elif mark in _CLOSES and opened:
            if opened.pop() != _CLOSES[mark]:
                opened = []
            elif not opened:
                regions.append(text[start : found.end()])
    return regions
