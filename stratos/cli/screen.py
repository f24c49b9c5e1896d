"""Where the command line prints: a terminal, or a file or pipe that is wide enough for tables."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stratos.report.figures import duration

_WIDTH_OF_NO_TERMINAL = 120
"""Columns; rich would assume 80, and cut the words of a table that needs more."""


def make_console(*, stderr: bool = False) -> Console:
    """A console for one of the standard streams; `COLUMNS` overrides its width."""
    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_OF_NO_TERMINAL
    return console


def say(console: Console, text: str | Text, style: str = "") -> None:
    """Print a sentence: on a terminal broken between words, as far in as it begins; elsewhere on
    one line, for whoever searches it."""
    text = Text(text, style) if isinstance(text, str) else text
    if not console.is_terminal:
        console.print(text, soft_wrap=True)
        return
    inwards = len(text.plain) - len(text.plain.lstrip(" "))
    console.print(Padding(text[inwards:], (0, 0, 0, inwards), expand=False))


def folded(table: Table) -> Table:
    """The table, of which a narrow terminal shows every sign, if on more lines."""
    for column in table.columns:
        column.overflow = "fold"
    return table


def print_json(value: object) -> None:
    """One line of JSON, at once: whoever reads it may wait for it."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


@contextmanager
def aloud(console: Console, what: str, every_seconds: float = 10.0) -> Iterator[None]:
    """Say every ten seconds that something without words of its own still goes on."""
    ended, began = threading.Event(), time.monotonic()

    def speak() -> None:
        while not ended.wait(every_seconds):
            console.print(f"{what}: {duration(time.monotonic() - began)} so far", highlight=False)

    speaker = threading.Thread(target=speak, name=what, daemon=True)
    speaker.start()
    try:
        yield
    finally:
        ended.set()
        speaker.join()
