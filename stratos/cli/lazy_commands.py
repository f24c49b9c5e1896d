"""A group of commands whose modules are imported when they are called, and not to be listed.

Most commands need boto3, numpy or a schema, which take a second to import; help and completion
need only a command's name and its help.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from stratos.errors import CloneNeeded

_CLONE_ONLY = "infra"
"""The package that a clone has and an installed wheel has not."""


@dataclass(frozen=True)
class Listed:
    """A command as help shows it.

    Attributes:
        target: `module:name` of its function, or of the `typer.Typer` with its subcommands.
        help: What it does, or the first paragraph of its docstring if there is more to say.
    """

    target: str
    help: str

    def load(self, name: str) -> Any:
        """Import the command.

        Raises:
            CloneNeeded: It is one of those that an installed wheel does not bring.
        """
        module, _, attribute = self.target.partition(":")
        try:
            found = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != _CLONE_ONLY:
                raise
            raise CloneNeeded(
                f"`stratos {name}` runs the embedded cloud, which is not in the installed package. "
                f"Clone the repository, run `make synth` there, then `.venv/bin/stratos {name}`"
            ) from None
        group = typer.Typer()
        if isinstance(found, typer.Typer):
            group.add_typer(found, name=name)
        else:
            group.command(name, help=None if found.__doc__ else self.help)(found)
        return typer.main.get_group(group).commands[name]


class LazyCommands(TyperGroup):
    """Commands by name; a subclass lists them in `listed`, in the order of help."""

    listed: ClassVar[Mapping[str, Listed]] = {}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name, command in self.listed.items():
            self.add_command(TyperCommand(name, help=command.help))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and name in self.listed:
            command = self.listed[name].load(name)
        return name, command, rest
