"""Arguments and options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.")]
