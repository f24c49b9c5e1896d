"""Commands that are loaded when they are called."""

from __future__ import annotations

import sys

import pytest
import typer

from stratos.cli.app import main
from stratos.cli.lazy_commands import Listed

nested = typer.Typer()


@nested.command()
def inner() -> None:
    pass


@nested.command()
def outer() -> None:
    pass


def documented() -> None:
    """Of its own."""


@pytest.mark.parametrize(("target", "told"), [("inner", "listed"), ("documented", "Of its own.")])
def test_a_function_is_told_by_its_docstring_or_else_by_the_list(target, told):
    command = Listed(f"{__name__}:{target}", "listed").load("run-it")
    assert (command.name, command.help) == ("run-it", told)


def test_a_group_keeps_its_subcommands_and_gets_no_completion_of_its_own():
    command = Listed(f"{__name__}:nested", "listed").load("group")
    assert list(command.commands) == ["inner", "outer"]
    assert [parameter.name for parameter in command.params] == []


def test_a_module_that_is_missing_for_another_reason_is_a_fault():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        Listed("no_such_module:x", "listed").load("x")


def test_a_command_of_a_clone_says_so_where_there_is_none(monkeypatch, capsys):
    for name in [name for name in sys.modules if name.partition(".")[0] == "infra"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "infra", None)  # importing it fails
    monkeypatch.setattr(sys, "argv", ["stratos", "local", "status"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "Clone the repository" in capsys.readouterr().err
