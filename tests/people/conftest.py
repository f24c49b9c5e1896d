"""The tutorial, followed from an empty home to a model that answers there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.distribution import build_wheel
from tests.people.doc_runner import Came, Session, sections
from tests.people.reader import TUTORIAL, reader_at

LAST = "End it"


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A reader who has done all that the tutorial says, up to its last section."""
    folder = tmp_path_factory.mktemp("reader")
    session = reader_at(folder / "home", build_wheel(folder / "dist"))
    page = sections(TUTORIAL.read_text(encoding="utf-8"))
    ending = page.pop(LAST)
    try:
        for section in page.values():
            session.follow(section)
        yield session
        session.follow(ending)
    finally:
        session.close()
        session.ask("cd ~/stratos && .venv/bin/stratos local down --state-dir ~/cloud")


@pytest.fixture
def run_id(reader: Session) -> str:
    """Of the tutorial's run."""
    [met] = reader.met.values()
    return met


@pytest.fixture
def outcome(reader: Session, run_id: str) -> dict[str, Any]:
    """What `stratos report` says of it to scripts."""
    told: dict[str, Any] = json.loads(reader.ask(f"stratos report {run_id} --json").output)
    return told


@pytest.fixture
def ask(reader: Session) -> Callable[[str], Came]:
    """Run a command where the tutorial has led to."""
    return reader.ask


@pytest.fixture
def has(reader: Session) -> Callable[[str, str], None]:
    """Skip what asserts on a command or an option that this version does not have."""

    def look(command: str, option: str = "") -> None:
        told = reader.ask(f"COLUMNS=200 stratos {command} --help")
        if told.exit_code == 0 and option in told.output:
            return
        missing = f"there is no `stratos {command} {option}`".rstrip(" `") + "`"
        if "STRATOS_ALL_TESTS" in os.environ:
            pytest.fail(missing)
        pytest.skip(missing)

    return look
