"""`stratos delete`: end what a run has in service, and delete what is kept of it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from stratos.cli.endpoint import Deletion, delete, serves
from stratos.cli.erasure import Remains, erase, find_remains
from stratos.cli.runs import find_run
from stratos.cli.screen import make_console
from stratos.cli.stack import Stack
from stratos.contracts.run import RunRow
from stratos.errors import RegionUnreachable, StratosError
from stratos.units import count

console = make_console()


def delete_command(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.")],
    objects: Annotated[
        bool,
        typer.Option(
            "--objects",
            help="Also delete all that is kept of the run: every version of its objects, its "
            "log streams, its versions in the model registry.",
        ),
    ] = False,
    upload: Annotated[
        bool,
        typer.Option(
            "--upload",
            help="With --objects: also the folder of its spec, with the dataset; all runs of "
            "the spec read it.",
        ),
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="With --objects: also if its model is in service.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --objects: only say what would be deleted.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    if not objects and (upload or live or dry_run):
        raise typer.BadParameter("these need --objects", param_hint="--upload, --live, --dry-run")
    stack = Stack.find()
    run = find_run(stack, run_id)
    if not run.finished:
        raise StratosError(f"run {run_id} is still running; stop it first: stratos stop {run_id}")
    if not objects:
        done = delete(stack, run)
        _tell(done, None, json_=json_)
        _fail_for_silence(run, done)
        return
    if not live:
        _refuse_in_service(stack, run)
    remains = find_remains(stack, run, upload=upload)
    if not json_:
        _announce(run_id, remains)
    if dry_run:
        if json_:
            _print_remains(Deletion(), remains)
        return
    done = delete(stack, run)
    erase(stack, run, remains)
    _tell(done, remains, json_=json_)
    _fail_for_silence(run, done)


def _fail_for_silence(run: RunRow, done: Deletion) -> None:
    """
    Raises:
        RegionUnreachable: some regions did not answer, and are named.
    """
    if done.unreached:
        told = "; ".join(
            f"{region} does not answer ({why})" for region, why in done.unreached.items()
        )
        raise RegionUnreachable(
            f"{told}. Endpoint {run.endpoint_name} may still be there and cost money. When the "
            "region is back, the hourly sweep deletes it; `stratos sweep` does so at once"
        )


def _refuse_in_service(stack: Stack, run: RunRow) -> None:
    """Raise StratosError if the run's model answers, from the objects that are to be deleted."""
    served = run.endpoint_name is not None and serves(stack, run)
    if served or run.batch_model_name is not None:
        raise StratosError(
            f"run {run.run_id} is in service as {run.endpoint_name or run.batch_model_name}, which "
            f"needs its objects; end that first (stratos delete {run.run_id}), or give --live"
        )


def _announce(run_id: str, remains: Remains) -> None:
    told = remains.told() or ["nothing"]
    _print([f"of run {run_id} is to be deleted:", *(f"  {line}" for line in told)])
    _print(["left are:", *(f"  {line}" for line in remains.staying)])


def _tell(done: Deletion, remains: Remains | None, *, json_: bool) -> None:
    if json_:
        _print_remains(done, remains)
        return
    lines = [f"deleted {name}" for name in done.names]
    if remains is not None:
        streams = len(remains.streams) + len(remains.streams_elsewhere)
        lines += [
            f"deleted {count(len(remains.versions), 'version')} of objects, "
            f"{count(len(remains.packages), 'version')} in the model registry, "
            f"{count(streams, 'log stream')}; under its prefixes nothing is left"
        ]
    if not (lines or done.unreached):
        lines = ["nothing was left to delete"]
    _print(lines)


def _print_remains(done: Deletion, remains: Remains | None) -> None:
    found: dict[str, object] = {"deleted": done.names}
    if done.unreached:
        found["unreached"] = done.unreached
    if remains is not None:
        elsewhere = remains.streams_elsewhere
        found |= {
            "versions": {
                f"{kept.region}:{kept.prefix}" if kept.region else kept.prefix: len(kept.versions)
                for kept in remains.objects
            },
            "model_packages": list(remains.packages),
            "log_streams": [
                *(f"{group} {stream}" for group, stream in remains.streams),
                *(":".join((region, f"{group} {name}")) for region, group, name in elsewhere),
            ],
            "staying": list(remains.staying),
        }
    console.out(json.dumps(found), highlight=False)


def _print(lines: list[str]) -> None:
    for line in lines:
        console.print(line, soft_wrap=True, markup=False, highlight=False)
