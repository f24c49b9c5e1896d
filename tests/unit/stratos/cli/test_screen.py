"""The width of what is printed."""

from __future__ import annotations

import pytest

from stratos.cli.screen import make_console


def test_a_pipe_is_as_wide_as_tables_need_unless_somebody_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert make_console().width == 120
    monkeypatch.setenv("COLUMNS", "70")
    assert make_console().width == 70
