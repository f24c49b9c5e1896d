"""What can be said of a JSONPath by its text."""

from __future__ import annotations

import re


def unquoted(path: str) -> str:
    """The path without its quoted names, whose characters mean nothing."""
    return re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "", path)


def is_definite(path: str) -> bool:
    """Whether it can match one place only: no wildcard, slice, union, filter or descent."""
    return not re.search(r"\*|\.\.|\?|\[[^\]]*[:,][^\]]*\]", unquoted(path))
