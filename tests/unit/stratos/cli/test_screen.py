"""The width of what is printed."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from stratos.cli.screen import aloud, make_console, say
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
