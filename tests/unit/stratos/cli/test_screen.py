"""The width of what is printed."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from stratos.cli.screen import aloud, make_console
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
