"""Where the command line prints: a terminal, or a file or pipe that is wide enough for tables."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Span, Text

from stratos.outside_text import visible
from stratos.report.figures import duration

_WIDTH_OF_NO_TERMINAL = 120
"""Columns; rich would assume 80, and cut the words of a table that needs more."""


class PlainConsole(Console):
    """A console whose words are data: they hold no markup, and nothing that acts on a terminal."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False)

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(visible(text), **how)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """What is printed, in pieces; moves of the cursor are pieces of their own.

        Words are written out before they are laid out: what is longer afterwards would be cut.
        """
        for text, style, control in super().render(_written_out(renderable), options):
            yield Segment(text if control else visible(text), style, control)

    def out(self, *objects: Any, **how: Any) -> None:
        super().out(*(visible(str(one)) for one in objects), **how)


def _written_out(renderable: RenderableType) -> RenderableType:
    """A text, or a table with the texts of its cells, without what acts on a terminal."""
    match renderable:
        case Text():
            return _visible_text(renderable)
        case Table():
            for column in renderable.columns:
                column._cells = [_written_out(cell) for cell in column.cells]
    return renderable


def _visible_text(text: Text) -> Text:
    plain = text.plain
    if (shown := visible(plain)) == plain:
        return text

    def at(place: int) -> int:
        return len(visible(plain[:place]))

    written = text.blank_copy(shown)
    written.spans = [Span(at(one.start), at(one.end), one.style) for one in text.spans]
    return written


def echo(text: str, *, err: bool = False) -> None:
    """Print a line that is no part of a table, of any length."""
    typer.echo(visible(text), err=err)


def make_console(*, stderr: bool = False) -> Console:
    """A console for one of the standard streams; `COLUMNS` overrides its width."""
    console = PlainConsole(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_OF_NO_TERMINAL
    return console


def say(console: Console, text: str | Text, style: str = "") -> None:
    """Print a sentence: on a terminal broken between words, as far in as it begins; elsewhere on
    one line, for whoever searches it."""
    text = _visible_text(Text(text, style) if isinstance(text, str) else text)
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
