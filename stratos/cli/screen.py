"""Where the command line prints: the user's terminal, or a file or pipe as wide as tables need."""

from __future__ import annotations

import os

from rich.console import Console

_WIDTH_OF_NO_TERMINAL = 120
"""Columns; rich takes 80 where nobody tells, and cuts the words of a table that needs more."""


def make_console(*, stderr: bool = False) -> Console:
    """A console for one of the standard streams; `COLUMNS` has the last word on its width."""
    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_OF_NO_TERMINAL
    return console
