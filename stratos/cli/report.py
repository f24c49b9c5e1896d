"""`stratos report`: a finished run, shown and saved."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from stratos.cli.options import Json, RunId
from stratos.cli.runs import find_run, read_object, read_summary
from stratos.cli.screen import make_console
from stratos.cli.stack import Stack
from stratos.cli.tables import print_outcome
from stratos.contracts.bucket import EVENTS_FOLDER, RunKeys
from stratos.errors import RunNotFound


def report_command(
    run_id: RunId,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder that receives run.json, report.html and TensorBoard's files."),
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
        return
    print_outcome(console, summary)
    if out is not None and (how := how_to_open_curves(out)) is not None:
        console.print(how, soft_wrap=True, markup=False)


def save_report(stack: Stack, run_id: str, folder: Path) -> None:
    """Write the run's `run.json`, `report.html` and TensorBoard's files into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = RunKeys(run_id)
    for key in (keys.summary, keys.report):
        if (text := read_object(stack, key)) is not None:
            (folder / key.rpartition("/")[2]).write_text(text, encoding="utf-8")
    pages = stack.s3.get_paginator("list_objects_v2").paginate(
        Bucket=stack.bucket, Prefix=keys.jobs
    )
    for item in (item for page in pages for item in page.get("Contents", [])):
        step, _, name = item["Key"].removeprefix(keys.jobs).partition(f"/{EVENTS_FOLDER}")
        if name and Path(name).name == name:
            target = folder / EVENTS_FOLDER / step / name
            target.parent.mkdir(parents=True, exist_ok=True)
            stack.s3.download_file(stack.bucket, item["Key"], str(target))


def how_to_open_curves(folder: Path) -> str | None:
    """The command that shows TensorBoard's files in a folder; None if there are none."""
    events = folder / EVENTS_FOLDER
    if not events.is_dir():
        return None
    return (
        f"TensorBoard shows how it learned: `tensorboard --logdir {shlex.quote(str(events))}` "
        "(`pip install tensorboard`)"
    )
