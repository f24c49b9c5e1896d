"""`stratos learned`: what finished runs taught the planner, shown and forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from botocore.exceptions import ClientError
from rich.table import Table

from stratos.cli.screen import make_console
from stratos.cli.stack import Stack
from stratos.contracts.bucket import CALIBRATION_KEY
from stratos.contracts.calibration import CalibrationRow, read_calibration
from stratos.errors import StratosError
from stratos.units import count, figure

_ATTEMPTS = 5
console = make_console()


@dataclass(frozen=True)
class Selection:
    """Which rows are meant; None stands for any."""

    run_id: str | None = None
    quantity: str | None = None
    instance_type: str | None = None

    @property
    def is_everything(self) -> bool:
        return self == Selection()

    def holds(self, row: CalibrationRow) -> bool:
        pairs = (
            (self.run_id, row.run_id),
            (self.quantity, row.quantity),
            (self.instance_type, row.instance_type),
        )
        return all(asked in (None, found) for asked, found in pairs)


def learned_command(
    run_id: Annotated[str | None, typer.Option("--run", help="Only of this run.")] = None,
    quantity: Annotated[
        str | None, typer.Option(help="Only this quantity, such as accuracy.")
    ] = None,
    instance_type: Annotated[
        str | None, typer.Option("--type", help="Only of this instance type.")
    ] = None,
    forget: Annotated[bool, typer.Option("--forget", help="Forget what is listed.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="With --forget: all that was ever learned.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """What finished runs taught the planner; with --forget, later plans do without it.

    Each row is one quantity of one run: predicted, measured, and their ratio, by which later
    forecasts are corrected in part. Rows that teach nothing say why.
    """
    meant = Selection(run_id, quantity, instance_type)
    if forget and meant.is_everything and not everything:
        raise typer.BadParameter(
            "name what to forget with --run, --quantity or --type, or forget everything with --all",
            param_hint="--forget",
        )
    stack = Stack.find()
    rows = _forget(stack, meant) if forget else [row for row in _read(stack)[0] if meant.holds(row)]
    if json_:
        console.out("[" + ",\n".join(row.model_dump_json() for row in rows) + "]", highlight=False)
        return
    if rows:
        console.print(_table(rows))
    said = "forgotten" if forget else "of what finished runs taught"
    console.print(f"{count(len(rows), 'row')} {said}", highlight=False)


def _read(stack: Stack) -> tuple[list[CalibrationRow], str | None]:
    """Every row, and the ETag of the object that holds them; None where there is none."""
    try:
        found = stack.s3.get_object(Bucket=stack.bucket, Key=CALIBRATION_KEY)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return [], None
        raise
    return read_calibration(found["Body"].read().decode()), found["ETag"]


def _forget(stack: Stack, meant: Selection) -> list[CalibrationRow]:
    """Write the other rows back, unless a run that ends meanwhile has added some; then again."""
    for _ in range(_ATTEMPTS):
        rows, etag = _read(stack)
        gone = [row for row in rows if meant.holds(row)]
        if not gone or etag is None:
            return gone
        left = "".join(row.model_dump_json() + "\n" for row in rows if not meant.holds(row))
        try:
            stack.s3.put_object(
                Bucket=stack.bucket, Key=CALIBRATION_KEY, Body=left.encode(), IfMatch=etag
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in (
                "PreconditionFailed",
                "ConditionalRequestConflict",
            ):
                raise
        else:
            return gone
    raise StratosError(
        f"s3://{stack.bucket}/{CALIBRATION_KEY} changed {_ATTEMPTS} times while forgetting; "
        "try again when fewer runs end"
    )


def _table(rows: list[CalibrationRow]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("run", "instance type", "quantity"):
        table.add_column(name, no_wrap=True)
    for name in ("predicted", "measured", "ratio"):
        table.add_column(name, justify="right")
    table.add_column("teaches")
    for row in rows:
        ratio = f"{row.measured / row.predicted:.2f}" if row.predicted else ""
        table.add_row(
            row.run_id,
            row.instance_type,
            row.quantity,
            figure(row.predicted),
            figure(row.measured),
            ratio,
            "yes" if row.ignored is None else f"nothing: {row.ignored}",
        )
    return table
