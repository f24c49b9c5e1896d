"""`stratos report`: a finished run, shown and saved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stratos.cli.options import Json, RunId
from stratos.cli.runs import find_run, read_object, read_summary
from stratos.cli.screen import make_console
from stratos.cli.stack import Stack
from stratos.cli.tables import print_outcome
from stratos.contracts.bucket import RunKeys
from stratos.errors import RunNotFound


def report_command(
    run_id: RunId,
    out: Annotated[
        Path | None, typer.Option(help="Folder that receives run.json and report.html.")
    ] = None,
    json_: Json = False,
) -> None:
    stack, console = Stack.find(), make_console()
    row = find_run(stack, run_id)
    summary = read_summary(stack, run_id)
    if summary is None:
        raise RunNotFound(f"run {run_id} is {row.status}; it has no report yet")
    if out is not None:
        save_report(stack, run_id, out)
    if json_:
        console.out(summary.model_dump_json(indent=2), highlight=False)
    else:
        print_outcome(console, summary)


def save_report(stack: Stack, run_id: str, folder: Path) -> None:
    """Write the run's `run.json` and `report.html` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = RunKeys(run_id)
    for key in (keys.summary, keys.report):
        if (text := read_object(stack, key)) is not None:
            (folder / key.rpartition("/")[2]).write_text(text, encoding="utf-8")
