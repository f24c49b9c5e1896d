"""Every command that a page prints is there, with the options it is given."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.core import TyperGroup

from stratos.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page for pattern in ("*.md", "docs/**/*.md", "examples/*/*.md") for page in ROOT.glob(pattern)
)
PARSER = typer.main.get_command(app)
_CONTINUED = re.compile(r"\\\n(?:> )?")
_PRINTED = re.compile(
    r"(?:^(?:\$ )?|`|&& |\()(?:\.venv/bin/)?stratos (?=[a-z-])([^`\n]*)", re.MULTILINE
)
_OWN = {"--help", "-h", "--version", "--install-completion", "--show-completion", "--stack"}


def commands_of(page: Path) -> Iterator[str]:
    """What follows `stratos` in blocks and in backticks, up to a comment or a pipe."""
    text = _CONTINUED.sub(" ", page.read_text(encoding="utf-8"))
    for printed in _PRINTED.findall(text):
        yield re.split(r" #| \||[;)>]| && | &$", printed)[0].strip()


def fault(printed: str) -> str | None:
    """What is wrong with a command as it is printed; None if nothing is."""
    try:
        words = shlex.split(printed)
    except ValueError:
        words = printed.split()
    command: Any = PARSER
    while words and isinstance(command, TyperGroup):
        word = words.pop(0)
        if word in _OWN:
            words = words[1:] if word == "--stack" else words
        elif word == "…":
            return None
        elif word not in command.commands:
            return f"there is no command {word!r}"
        else:
            listed = getattr(command, "listed", {}).get(word)
            command = listed.load(word) if listed else command.commands[word]
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | _OWN
    unknown = [word for word in words if word.startswith("--") and word.split("=")[0] not in known]
    return f"{command.name} takes no {unknown[0]}" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_prints_commands_that_there_are(page: Path) -> None:
    faults = {printed: fault(printed) for printed in commands_of(page)}
    assert {printed: wrong for printed, wrong in faults.items() if wrong} == {}


@pytest.mark.parametrize(
    ("printed", "wrong"),
    [
        ("local up --regions a,b", None),
        ('invoke RUN "What?" --tools tools.json', None),
        ("--stack Mine runs --json", None),
        ("lokal up", "there is no command 'lokal'"),
        ("local op", "there is no command 'op'"),
        ("plan FOLDER --whatif x=1", "plan takes no --whatif"),
    ],
)
def test_a_command_that_is_not_there_is_found(printed: str, wrong: str | None) -> None:
    assert fault(printed) == wrong
