"""Log lines that text from outside cannot forge: what begins a line is ours."""

from __future__ import annotations

import logging
from typing import TextIO

from stratos.outside_text import visible


class OneRecord(logging.Formatter):
    """A formatter for text logs: further lines of a record, such as a traceback's, are indented."""

    def format(self, record: logging.LogRecord) -> str:
        first, *others = visible(super().format(record)).splitlines() or [""]
        return "\n".join([first, *(f"    {line}" for line in others)])


def log_to(stream: TextIO, form: str) -> None:
    """Log this process to a stream, unless somebody has set up its log before.

    Args:
        form: Of a line, as `logging` writes it.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneRecord(form))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
