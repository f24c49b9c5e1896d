"""Which encoding a text file is in that is not UTF-8, and the command that converts it."""

from __future__ import annotations

import codecs

_MARKED = (
    # UTF-32's mark begins as that of UTF-16 does.
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_OF_WINDOWS = "CP1252"
"""What a file is in most often that is neither UTF-8 nor marked."""


def other_encoding(start: bytes) -> str | None:
    """The encoding that a file's first bytes tell; None if they tell none but UTF-8.

    Without a mark, the zeros of two bytes a letter tell: a text in UTF-8 has none.
    """
    marked = next((name for mark, name in _MARKED if start.startswith(mark)), None)
    if marked is not None:
        return marked
    first, second = (*start[:2], 1, 1)[:2]
    if first == 0:
        return "UTF-16BE"
    return "UTF-16LE" if second == 0 else None


def conversion(encoding: str | None = None) -> str:
    """How to convert a file, for an error that says what is wrong with it."""
    return f"convert it: iconv -f {encoding or _OF_WINDOWS} -t UTF-8 OLD > NEW"
