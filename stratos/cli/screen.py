"""Where the command line prints: a terminal, or a file or pipe that is wide enough for tables."""

from __future__ import annotations

import os

from rich.console import Console

_WIDTH_OF_NO_TERMINAL = 120
"""Columns; rich would assume 80, and cut the words of a table that needs more."""


def make_console(*, stderr: bool = False) -> Console:
    """A console for one of the standard streams; `COLUMNS` overrides its width."""
    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_OF_NO_TERMINAL
    return console
