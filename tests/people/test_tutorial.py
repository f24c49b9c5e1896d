"""What the tutorial prints is what comes; from its beginning to a plan it is a short way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.people.doc_runner import Session, Step, sections, steps_of
from tests.people.reader import TUTORIAL

MOST_COMMANDS, MOST_FILES = 5, 1
PLAN_SECTION = "From installing to a plan"


def edited(step: Step) -> list[str]:
    """Files that a command changes in a person's place."""
    in_place = re.findall(r"^sed -i .* (\S+)$", step.command, re.MULTILINE)
    return in_place + re.findall(r"^cat >>? (\S+) <<", step.command, re.MULTILINE)


def test_from_installing_to_a_plan_it_takes_few_commands_and_one_edited_file() -> None:
    page = sections(TUTORIAL.read_text(encoding="utf-8"))
    steps = list(steps_of(page[PLAN_SECTION]))
    assert steps[0].command.startswith("pipx install ")
    assert steps[-1].command.startswith("stratos plan ")
    assert len([step for step in steps if not edited(step)]) <= MOST_COMMANDS
    assert len({name for step in steps for name in edited(step)}) == MOST_FILES


@pytest.mark.tutorial
def test_the_tutorial_is_run_as_it_stands(reader: Session, run_id: str) -> None:
    assert (reader.home / "report" / "report.html").exists()
    assert sorted(path.suffix for path in Path(reader.home / "router").glob("*.gguf"))
    assert run_id in reader.ask("stratos runs").output
