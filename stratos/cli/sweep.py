"""`stratos sweep`: call the sweeper by hand."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from stratos.cli.options import Json
from stratos.cli.screen import make_console, print_json
from stratos.cli.stack import Stack, client
from stratos.errors import StackNotFound, SweepIncomplete
from stratos.pipeline.steps import SweepInput, Swept

_LONGEST_SECONDS = 910.0
"""A function's 15 minutes, and some for the round trip."""


def sweep_now(stack: Stack, *, dry_run: bool) -> Swept:
    """Remove resources that belong to no run, or only list them.

    Raises:
        StackNotFound: if there is no sweeper.
        SweepIncomplete: if some of them could not be removed.
    """
    function = stack.names.function("sweep")
    functions = client("lambda", longest_seconds=_LONGEST_SECONDS)
    payload = SweepInput(dry_run=dry_run).model_dump_json().encode()
    try:
        response = functions.invoke(FunctionName=function, Payload=payload)
    except functions.exceptions.ResourceNotFoundException as error:
        raise StackNotFound(
            f"there is no function {function}; deploy the stack (`stratos deploy`), or start the "
            "embedded cloud (`stratos local up`)"
        ) from error
    answer = json.loads(response["Payload"].read())
    if "FunctionError" in response:
        raise SweepIncomplete(str(answer.get("errorMessage", answer)))
    return Swept.model_validate(answer)


def sweep_command(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be removed; remove nothing.")
    ] = False,
    json_: Json = False,
) -> None:
    swept = sweep_now(Stack.find(), dry_run=dry_run)
    if json_:
        print_json(swept.model_dump(mode="json"))
        return
    console = make_console()
    did = "would remove" if dry_run else "removed"
    for orphan in swept.removed:
        where = f" in {orphan.region}" * bool(orphan.region)
        told = f"{did} {orphan.kind} {orphan.name}{where}: {orphan.reason}"
        console.print(told, soft_wrap=True)
    for region, why in swept.unreached.items():
        console.print(f"{region} could not be looked into: {why}", soft_wrap=True)
    if not (swept.removed or swept.unreached):
        console.print("nothing to remove: every resource belongs to a run")
