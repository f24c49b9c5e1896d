"""`stratos validate`: a spec and its folder, read as a run would."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stratos.cli.screen import make_console
from stratos.cli.submit import read_folder
from stratos.units import count


def validate_command(
    folder: Annotated[Path, typer.Argument(help="Folder with spec.yaml and what it names.")],
) -> None:
    spec, files = read_folder(folder)
    num_bytes = sum((folder / file).stat().st_size for file in files)
    make_console().print(
        f"nothing is wrong with the spec in {folder}: {spec.name}, {count(len(files), 'file')}, "
        f"{num_bytes / 1e6:,.1f} MB. `stratos inspect` looks at its data, `stratos plan` at what "
        "it would cost",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )
