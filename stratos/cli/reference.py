"""The command-line reference, written from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
import typer.main

from stratos.cli import app as cli


def cli_reference() -> str:
    """`docs/cli.md`: every command with its arguments and options."""
    root = typer.main.get_command(cli.app)
    exit_codes = (cli.__doc__ or "").partition("Exit codes: ")[2].strip().replace("\n", " ")
    lines = [
        "# The command line",
        "",
        "Generated from the commands; `make docs` writes it again.",
        "",
        f"Exit codes: {exit_codes}",
        "",
        *_describe(root, "stratos"),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _describe(command: Any, path: str) -> Iterator[str]:
    if hasattr(command, "commands"):
        for option in (p for p in command.params if p.name != "help"):
            value = "" if option.is_flag else f" {option.name.upper()} …"
            variable = f", or `{option.envvar}`" if option.envvar else ""
            yield from (f"`{path} {option.opts[0]}{value}`{variable}: {option.help}", "")
        for name in sorted(command.commands):
            listed = getattr(command, "listed", {}).get(name)
            found = listed.load(name) if listed else command.commands[name]
            yield from _describe(found, f"{path} {name}")
        return
    parameters = [p for p in command.params if p.name != "help"]
    arguments = [p for p in parameters if p.param_type_name == "argument"]
    options = [p for p in parameters if p.param_type_name == "option"]
    usage = " ".join((path, *(_usage(a) for a in arguments), *(["[OPTIONS]"] if options else [])))
    yield from (f"## {path}", "", (command.help or "").strip(), "", f"    {usage}", "")
    if parameters:
        yield from ("| | | default |", "|---|---|---|")
        for parameter in (*arguments, *options):
            name = _metavar(parameter) if parameter in arguments else ", ".join(parameter.opts)
            text = " ".join((parameter.help or "").split())
            yield f"| `{name}` | {text} | {_default(parameter)} |"
        yield ""


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _usage(argument: Any) -> str:
    """An argument with brackets where it may be left out, and dots where there may be several."""
    told = _metavar(argument)
    told = told if argument.required else f"[{told}]"
    return told if argument.nargs == 1 else f"{told}..."


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    if value is None or value is False or callable(value):
        return ""
    return f"`{value}`"
