"""Texts in the form in which answers are compared: case, width, space and punctuation fold."""

from __future__ import annotations

import re
import unicodedata

_MAX_MARKS = 30
"""Marks on one letter. Unicode's stream-safe text format (UAX 15) has no more, and no language
does. Python's normalisation takes quadratic time in them."""
_MAY_BE_MARKS = re.compile(rf"[^\0-\u02ff\u3400-\u9fff\uac00-\ud7a3]{{{_MAX_MARKS + 1},}}")
"""More characters in a row than that, of scripts that have marks."""
_DASHES = str.maketrans({"−": "-", "‐": "-", "‑": "-"})
_VARIATIONS = frozenset("\ufe0e\ufe0f")
"""They choose between an emoji and its plain form."""
_KEPT = frozenset(["Sm", "Sc", "So"])
"""Symbols are part of an answer: `C++`, `<5`, `€`, an emoji."""


def fold(text: str) -> str:
    """Fold case, width and forms of one character (NFKC), and drop what cannot be seen."""
    bounded = stream_safe(text)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", bounded).casefold())
    return folded.translate(_DASHES).strip()


def one_form(text: str) -> str:
    """Write each character in one way (NFC): é may be one code point or two."""
    return unicodedata.normalize("NFC", stream_safe(text))


def normalise(text: str) -> str:
    """Fold, and turn each run of space and punctuation into one space.

    Signs stay where they tell answers apart: `C#`, `-1`, `O-`, `3.7`, `5%`. A text of punctuation
    alone stays as it is.
    """
    folded = fold(text)
    parts: list[str] = []
    apart = False
    for index, char in enumerate(folded):
        before, after = folded[index - 1 : index], folded[index + 1 : index + 2]
        if _is_kept(char, before, after):
            if apart and parts:
                parts.append(" ")
            parts.append(char)
            apart = False
        else:
            apart = True
    return "".join(parts) or folded


def _is_kept(char: str, before: str, after: str) -> bool:
    match char:
        case "+":
            return not (after.isdigit() and not before.isalnum())
        case "-" | "–":
            begins_number = after.isdigit() and not before.isalnum()
            ends_word = before.isalnum() and not after.isalnum()
            return begins_number or (char == "-" and ends_word)
        case "#":
            return before.isalpha() and not after.isalnum()
        case ".":
            return before.isdigit() and after.isdigit()
        case "%" | "‰":
            return before.isdigit()
        case _:
            kind = unicodedata.category(char)
            return kind[0] in "LMN" or kind in _KEPT


def stream_safe(text: str) -> str:
    """Drop what cannot be seen, and what would make normalising slow."""
    if text.isascii():
        return text
    return bounded_marks(
        "".join(
            char for char in text if unicodedata.category(char) != "Cf" and char not in _VARIATIONS
        )
    )


def bounded_marks(text: str) -> str:
    """Drop marks that no letter bears, so that normalising takes linear time."""
    if not _MAY_BE_MARKS.search(text):
        return text
    kept: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= _MAX_MARKS:
            kept.append(char)
    return "".join(kept)
