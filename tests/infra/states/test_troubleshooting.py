"""Whatever a run or a command can fail with has an entry that says what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, get_args

from infra.app import ROOT
from infra.states.definition_reader import definition_of
from stratos.pipeline.steps import JobOutcome

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ENTRIES = dict(re.findall(r"^### `(\w+)`\n\n(.+?)(?=\n##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
PACKAGES = ("stratos", "lambdas", "training", "serving", "infra")


@cache
def sources() -> tuple[str, ...]:
    """Every module of the product."""
    return tuple(
        path.read_text(encoding="utf-8")
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    )


def named_errors() -> dict[str, str]:
    """Each error of the tree → its base: those of `stratos/errors.py`, and what derives of them."""
    found = {"StratosError": "Exception"}
    classes = [
        (node.name, ast.unparse(base).removeprefix("errors."))
        for source in sources()
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    ]
    while more := {name: base for name, base in classes if base in found and name not in found}:
        found |= more
    return found


def is_only_a_base(name: str, bases: set[str]) -> bool:
    """Whether a class groups others and is raised nowhere itself."""
    raised = re.compile(rf"raise (?:errors\.)?{name}\(")
    return name in bases and not any(map(raised.search, sources()))


def errors_of_states(definition: Any) -> Iterator[str]:
    """Names that a state machine retries, catches, or fails with."""
    if isinstance(definition, dict):
        yield from definition.get("ErrorEquals", ())
        if isinstance(name := definition.get("Error"), str) and name:
            yield name
        for part in definition.values():
            yield from errors_of_states(part)
    elif isinstance(definition, list):
        for part in definition:
            yield from errors_of_states(part)


def first_cells(heading: str) -> set[str]:
    """What stands in backticks in the first column of a section's table."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.+?`) \|", section, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_errors_and_entries_are_the_same() -> None:
    errors = named_errors()
    del errors["StratosError"]  # has no name of its own
    bases = set(errors.values())
    named = {name for name in errors if not is_only_a_base(name, bases)}
    assert (named - ENTRIES.keys(), ENTRIES.keys() - named) == (set(), set())


def test_every_entry_says_what_it_means_and_what_to_do() -> None:
    silent = [
        name
        for name, text in ENTRIES.items()
        if not re.fullmatch(r"[A-Z`].+\.\n\n\*\*Do:\*\* .+[.\)]\n?", text, re.DOTALL)
    ]
    assert silent == []


def test_every_failure_that_a_state_machine_names_has_an_entry(
    any_template: dict[str, Any],
) -> None:
    patterns = first_cells("Names that are AWS's") | ENTRIES.keys()
    names = set(errors_of_states(definition_of(any_template)))
    assert names
    assert {n for n in names if not any(fnmatchcase(n, p) for p in patterns)} == set()


def test_every_outcome_of_a_job_is_explained() -> None:
    assert first_cells("What became of a job") == set(get_args(JobOutcome))
