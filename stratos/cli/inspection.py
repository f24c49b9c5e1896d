"""`stratos inspect`: what a dataset holds and what would be left out, without an account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from stratos.catalog.files import FilesOnDisk
from stratos.catalog.model_files import ModelFiles
from stratos.catalog.spec_models import require_roles
from stratos.cli.screen import aloud, make_console
from stratos.contracts.bucket import SPEC_FILE
from stratos.dataset.conversations import conversations_in
from stratos.dataset.inspection import Inspection
from stratos.dataset.left_out import BAD_LINE
from stratos.dataset.logged import require_replies
from stratos.dataset.token_lengths import token_lengths
from stratos.errors import DatasetRejected, SpecRejected
from stratos.frozen import FrozenModel
from stratos.planning.offline.folder import inspect_folder
from stratos.report.dataset_rows import answer_rows, counted_by, fact_rows, length_rows
from stratos.report.figures import percent
from stratos.spec import Spec, Task
from stratos.spec.folder import files_under, read_spec_in_folder

REFUSED = 4
console = make_console()


class SeenDataset(FrozenModel):
    """What `stratos inspect --json` prints."""

    format_version: Literal[1] = 1
    refused: tuple[str, ...]
    """Why a run would refuse the dataset; empty if it would not."""
    dataset: Inspection | None
    """As `inspection.json` of a run; None if a file cannot be read at all."""


def inspect_command(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="A spec's folder, or a data file or folder without a spec."
        ),
    ],
    format_: Annotated[
        str | None,
        typer.Option(
            "--format", help="Format of the rows; by default the spec's, or what they look like."
        ),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Show what a dataset holds, and what a run would leave out or refuse.

    Nothing is uploaded. The exit code is 4 if a run would refuse the dataset.
    """
    folder, spec, task = _task(path, format_)
    with aloud(make_console(stderr=True), f"inspecting {path}"):
        seen = _inspect(folder, spec, task)
    if json_:
        console.out(seen.model_dump_json(indent=2), highlight=False)
    else:
        if seen.dataset is not None:
            print_dataset(console, seen.dataset)
        for reason in seen.refused:
            text = f"a run would refuse this: {reason}"
            console.print(text, style="red", soft_wrap=True, markup=False, highlight=False)
    if seen.refused:
        raise typer.Exit(REFUSED)


def print_dataset(to: Console, found: Inspection) -> None:
    """What was read, what was left out and why, answers and lengths."""
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="dim", no_wrap=True)
    for fact in fact_rows(found):
        facts.add_row(fact.name, fact.found)
    to.print(facts)
    for reason, rows in found.left_out.items():
        to.print(f"left out, {reason}: {rows.num:,}", soft_wrap=True, markup=False)
        kinds = found.bad_line_kinds if reason == BAD_LINE else {}
        counted = [f"{num:,} × {kind}" for kind, num in kinds.items()] if len(kinds) > 1 else []
        for line in (*counted, *rows.examples):
            to.print(f"  {line}", soft_wrap=True, markup=False, highlight=False)
    if answers := answer_rows(found):
        table = Table("answer", "records", "share", box=None, pad_edge=False, header_style="dim")
        for answer in answers:
            table.add_row(answer.answer, answer.num, percent(answer.share))
        to.print(table)
    table = Table("length", "mean", "p50", "p95", "longest", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in length_rows(found):
        table.add_row(row.name, row.mean, row.p50, row.p95, row.longest)
    to.print(table)
    if (told := counted_by(found)) is not None:
        to.print(told, soft_wrap=True, markup=False, highlight=False)


def _task(path: Path, format_: str | None) -> tuple[Path, Spec | None, Task]:
    """The folder, its spec if it has one, and how its rows are read."""
    if not path.exists():
        raise typer.BadParameter(f"there is no {path}; give a spec's folder or a data file")
    path = path.resolve()
    folder = path if path.is_dir() else path.parent
    file = folder / SPEC_FILE if path.is_dir() else path
    spec = None
    if file.name == SPEC_FILE and file.is_file():
        spec = read_spec_in_folder(file.read_bytes(), files_under(folder))
        task = spec.task
    else:
        # An exact answer is what asks least of a row that has one.
        task = Task(dataset=path.name, verifier={"kind": "exact"})
        if path.is_dir():
            task = task.model_copy(update={"dataset": ""})
    if format_ is None:
        return folder, spec, task
    try:
        named = Task.model_validate(task.model_dump() | {"dataset": "any", "format": format_})
    except ValidationError as error:
        message = f"{format_!r} is no format: {error.errors()[0]['msg']}"
        raise typer.BadParameter(message, param_hint="--format") from error
    return folder, spec, task.model_copy(update={"format": named.format})


def _inspect(folder: Path, spec: Spec | None, task: Task) -> SeenDataset:
    refused: list[str] = []
    models = ModelFiles(FilesOnDisk(folder))
    with TemporaryDirectory() as name:
        splits = Path(name)
        try:
            found = inspect_folder(folder, task, splits, refused.append)
        except DatasetRejected as error:
            return SeenDataset(refused=(*refused, str(error)), dataset=None)
        if spec is not None:
            refused += _refused_with(spec, models, found, splits)
        found = found.model_copy(update={"tokens": token_lengths(splits, spec, models)})
    return SeenDataset(refused=tuple(refused), dataset=found)


def _refused_with(spec: Spec, models: ModelFiles, found: Inspection, splits: Path) -> Iterator[str]:
    """Why a spec's teachers and students cannot use a dataset."""
    try:
        require_replies(spec, found)
    except DatasetRejected as error:
        yield str(error)
    try:
        require_roles(spec, models, conversations_in(splits))
    except SpecRejected as error:
        yield str(error)
