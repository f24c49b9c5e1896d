"""What a reader may rely on: a class name says one thing, a function is read in one sitting."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("stratos", "lambdas", "infra", "training", "serving")
LONGEST_FUNCTION = 60
"""Lines, its docstring included."""


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())


def test_no_public_class_name_stands_in_two_modules() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for name, module in modules(*PACKAGES):
        for node in module.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(name)
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{name}: {node.name}"
        for name, module in modules(*PACKAGES, "benchmarks", "examples")
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_says_what_belongs_in_it(package: str) -> None:
    silent = [
        name
        for name, module in modules(package)
        if name.endswith("/__init__.py") and not ast.get_docstring(module)
    ]
    assert silent == []


def test_every_room_is_in_the_tree_of_the_guide() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    rooms = {
        path.parent.name for package in PACKAGES for path in (ROOT / package).glob("*/__init__.py")
    }
    assert {room for room in rooms if f"{room}/" not in guide} == set()
