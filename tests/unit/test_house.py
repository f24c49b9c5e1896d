"""What a reader may rely on: a class name says one thing, a function is read in one sitting."""

from __future__ import annotations

import ast
import re
import tomllib
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


def layers_of_lint() -> dict[str, str]:
    """Each package with its layers, as the guide writes them: siblings stand in brackets."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    found = {}
    for contract in contracts["contracts"]:
        if contract["type"] == "layers":
            order = [re.split(r" [|:] ", layer) for layer in contract["layers"]]
            (package,) = contract["containers"]
            found[package] = ", ".join(
                f"({', '.join(names)})" if len(names) > 1 else names[0] for names in order
            )
    return found


def test_the_guide_shows_the_layers_that_lint_holds() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| (.+) \|$", section("Layers"), re.MULTILINE)
    assert dict(rows) == layers_of_lint()


def section(title: str) -> str:
    """One section of the guide."""
    guide = (ROOT / "CONTRIBUTING.md").read_text()
    return guide.partition(f"## {title}\n")[2].partition("\n## ")[0]


UNTESTED = ROOT / "tests" / "unit" / "modules_without_tests_of_their_own.txt"
"""Modules that are tested by way of others only. The list can only shrink."""


def test_the_tests_of_a_module_are_found_by_its_name() -> None:
    named = {path.stem.removeprefix("test_") for path in (ROOT / "tests").rglob("test_*.py")}
    without = {
        name
        for name, module in modules(*PACKAGES)
        if not name.endswith("__init__.py") and Path(name).stem not in named
        if any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in module.body)
    }
    assert without == set(UNTESTED.read_text().split())
