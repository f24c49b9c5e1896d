"""Whose failure it is, by the words in which SageMaker passes it on."""

from __future__ import annotations

import re

_OF_THE_SERVER = re.compile(
    r"capacity|quota|limit ?exceeded|InternalServerError|timed out|timeout"
    r"|out of memory|not enough memory|cannot allocate|bad_alloc|SIGKILL|exit code: 137",
    re.IGNORECASE,
)
"""A larger or another server may cure these. The kernel kills what takes too much memory."""
_STATUS = re.compile(
    r"\b(?:status(?: received from algorithm)?:?|error) \(?(\d{3})\b", re.IGNORECASE
)
_ENDED = re.compile(r"exit code: [1-9]|killed by signal", re.IGNORECASE)
_OVERLOADED = frozenset(("408", "413", "429", "503", "504"))
_NO_TEXT = "does not match the expected"
"""llama.cpp's words for an answer whose bytes are no UTF-8 (findings/)."""


def blames_model(reason: str) -> bool:
    """Whether the model itself failed: its container answered with an error, or ended.

    What says neither, such as "see job logs", is not held against the model.
    """
    if _OF_THE_SERVER.search(reason):
        return False
    statuses = _STATUS.findall(reason)
    if any(status[0] in "45" and status not in _OVERLOADED for status in statuses):
        return True
    return not statuses and _ENDED.search(reason) is not None


def wrote_no_text(reason: str) -> bool:
    """Whether the model wrote bytes that are no UTF-8, which llama.cpp answers with 500."""
    return _NO_TEXT in reason
