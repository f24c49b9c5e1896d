"""The width of what is printed."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stratos.cli.screen import PlainConsole, aloud, folded, make_console, say
from stratos.outside_text import visible
from tests.patience import eventually


def test_a_pipe_is_as_wide_as_tables_need_unless_somebody_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert make_console().width == 120
    monkeypatch.setenv("COLUMNS", "70")
    assert make_console().width == 70


def test_what_goes_on_in_silence_is_said_until_it_ends() -> None:
    console = Console(file=(told := io.StringIO()), width=80)
    with aloud(console, "starting", every_seconds=0.001):
        eventually(lambda: told.getvalue().count("starting: 0.") >= 2)
    said = told.getvalue()
    with aloud(console, "nothing", every_seconds=1e6):
        pass
    assert told.getvalue() == said


def test_a_sentence_is_broken_between_words_on_a_terminal_and_nowhere_else() -> None:
    text = "  note: prices are 315 to 365 days old; `stratos catalog refresh` fetches them"
    terminal, pipe = (
        Console(width=40, record=True, file=io.StringIO(), force_terminal=is_terminal)
        for is_terminal in (True, False)
    )
    say(terminal, text)
    say(pipe, text)
    lines = terminal.export_text().splitlines()
    assert max(map(len, lines)) <= 40
    assert all(line.startswith("  ") for line in lines)
    assert " ".join(line.strip() for line in lines) == text.strip()
    assert pipe.export_text() == f"{text}\n"


@pytest.mark.parametrize("acting", ["\x1b", "\u202e", "\u2067", "\ud800"])
def test_no_word_is_lost_when_what_acts_is_written_out(
    acting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout", told := io.StringIO())
    monkeypatch.setenv("FORCE_COLOR", "1")
    words = " ".join(f"{acting}word{number}" for number in range(12))
    console = PlainConsole()
    table = folded(Table("left", box=None, show_header=False))
    table.add_row(Text(words, "bold"))
    strings = folded(Table(words, box=None))
    strings.add_row(words)
    shows: list[Callable[[], None]] = [
        lambda: say(console, words),
        lambda: say(console, Text(words, "bold")),
        lambda: console.print(words),
        lambda: console.print("with", Text(words)),
        lambda: console.print(table),
        lambda: console.print(strings),
        lambda: console.out(words),
    ]
    for show in shows:
        told.seek(0)
        told.truncate()
        show()
        plain = Text.from_ansi(told.getvalue()).plain
        assert "".join(visible(words).split()) in "".join(plain.split())


def test_styles_stay_on_their_words_when_what_acts_is_written_out() -> None:
    console = PlainConsole()
    text = Text.assemble("a\x1bb ", ("bo\u202eld", "bold"), " c")
    pieces = [one for one in console.render(text) if one.style is not None and one.style.bold]
    assert [one.text for one in pieces] == [r"bo\u202eld"]
