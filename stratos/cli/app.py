"""`stratos`: submit, watch and manage runs, on AWS or any other endpoint of boto3.

Exit codes: 0 success, 1 an unexpected error, 2 wrong usage, 3 the run failed, 4 the spec was
refused, 5 the run was stopped, 6 not found (no stack, no such run, no endpoint).
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

import typer

from stratos.cli import approval
from stratos.cli import batch as batches
from stratos.cli.catalog import catalog_app
from stratos.cli.delete import delete_command
from stratos.cli.inspection import inspect_command
from stratos.cli.invoke import invoke_command
from stratos.cli.learned import learned_command
from stratos.cli.plan import plan_command
from stratos.cli.runs import find_run, list_hosting, read_object, read_summary, usd_per_month
from stratos.cli.samples import samples_command
from stratos.cli.screen import make_console
from stratos.cli.stack import STACK_VARIABLE, Stack
from stratos.cli.submit import submit as submit_folder
from stratos.cli.sweep import sweep_now
from stratos.cli.tables import print_outcome, print_runs
from stratos.cli.watch import Screen, follow
from stratos.contracts.bucket import RunKeys
from stratos.contracts.run import RunRow
from stratos.errors import NotFound, RunNotFound, SpecRejected, StratosError
from stratos.measuring.batch_gate import cost_of
from stratos.moment import written
from stratos.report.figures import duration, money

EXIT_CODES = {"succeeded": 0, "unchanged": 0, "failed": 3, "rejected": 4, "stopped": 5}

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.")]

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("plan")(plan_command)
app.command("inspect")(inspect_command)
app.command("samples")(samples_command)
app.command("learned")(learned_command)
app.command("delete")(delete_command)
app.add_typer(catalog_app, name="catalog")
console = make_console()
errors = make_console(stderr=True)


@app.callback()
def choose_stack(
    stack: Annotated[
        str | None,
        typer.Option(
            help="Name of the stack, where the account has several.",
            envvar=STACK_VARIABLE,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Small models of your own: distilled, deployed and measured under your constraints."""
    if stack is not None:
        os.environ[STACK_VARIABLE] = stack


@app.command()
def submit(
    folder: Annotated[Path, typer.Argument(help="Folder with spec.yaml and what it names.")],
    watch: Annotated[bool, typer.Option(help="Follow the run to its end.")] = False,
    json_: Json = False,
) -> None:
    """Validate a folder, upload it, and start its run."""
    stack = Stack.find()
    submission = submit_folder(
        stack, folder, lambda file: None if json_ else console.print(f"uploading {file}")
    )
    if json_:
        _print_json({"run_id": submission.run_id, "spec_uri": submission.spec_uri})
    else:
        console.print(f"run {submission.run_id} starts from {submission.spec_uri}", soft_wrap=True)
    if watch:
        _watch(stack, submission.run_id, json_=json_)


@app.command()
def watch(run_id: RunId, json_: Json = False) -> None:
    """Follow a run to its end; the exit code says how it ended."""
    _watch(Stack.find(), run_id, json_=json_)


@app.command()
def runs(json_: Json = False) -> None:
    """List runs, newest first: what is live, since when, and what it costs."""
    rows = list_hosting(Stack.find())
    if json_:
        _print_json([_run_json(row) for row in rows])
    else:
        print_runs(console, rows)


@app.command()
def report(
    run_id: RunId,
    out: Annotated[
        Path | None, typer.Option(help="Folder that receives run.json and report.html.")
    ] = None,
    json_: Json = False,
) -> None:
    """Show a finished run, and save its report."""
    stack = Stack.find()
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


app.command("invoke")(invoke_command)


@app.command()
def batch(
    run_id: RunId,
    questions: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Questions: chats or prompts as .jsonl, or a question a line."
        ),
    ],
    to: Annotated[Path, typer.Option(help="Folder that receives the answers.")] = Path(),
    json_: Json = False,
) -> None:
    """Ask a run's model a file of questions, on a server that runs only for that."""
    stack = Stack.find()
    run = find_run(stack, run_id)
    with console.status("reading the questions") as status:
        done = batches.ask(
            stack,
            run,
            questions,
            to,
            lambda now: status.update(f"{now.status}, {duration(now.seconds)}"),
            lambda doubts: typer.echo(doubts, err=True),
        )
    result = done.result
    if json_:
        _print_json({"answers": str(done.answers_path)} | result.model_dump(mode="json"))
        return
    failed = f", {result.num_failed} of them refused" if result.num_failed else ""
    console.print(f"{result.num_requests} answers in {done.answers_path}{failed}", soft_wrap=True)
    console.print(
        f"{duration(result.seconds)} of a server, {money(result.usd)}; {cost_of(result)}",
        soft_wrap=True,
    )


@app.command()
def stop(run_id: RunId) -> None:
    """Stop a run. Its jobs end and nothing billable is left; a model in service stays in
    service."""
    stack = Stack.find()
    run = find_run(stack, run_id)
    if run.finished:
        console.print(f"run {run_id} has ended already: {run.status}")
        return
    stack.states.stop_execution(executionArn=run.execution_arn, cause="stopped by `stratos stop`")
    console.print(f"run {run_id} is stopping; `stratos watch {run_id}` shows it end")


@app.command()
def approve(
    run_id: RunId,
    reason: Annotated[str, typer.Option(help="The reason; it is stored with the model.")] = "",
) -> None:
    """Let a run that waits for approval deploy its model."""
    stack = Stack.find()
    by = approval.approve(stack, find_run(stack, run_id), reason)
    console.print(f"run {run_id} is approved by {by} and goes on", soft_wrap=True)


@app.command()
def reject(
    run_id: RunId,
    reason: Annotated[str, typer.Option(help="The reason; the run fails with it.")],
) -> None:
    """Refuse the model of a run that waits for approval; the run fails, nothing is deployed."""
    stack = Stack.find()
    by = approval.reject(stack, find_run(stack, run_id), reason)
    console.print(f"run {run_id} is rejected by {by} and ends", soft_wrap=True)


@app.command()
def sweep(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be removed; remove nothing.")
    ] = False,
    json_: Json = False,
) -> None:
    """Remove resources that belong to no run. This also happens every hour on its own."""
    swept = sweep_now(Stack.find(), dry_run=dry_run)
    if json_:
        _print_json(swept.model_dump(mode="json"))
        return
    did = "would remove" if dry_run else "removed"
    for orphan in swept.removed:
        where = f" in {orphan.region}" * bool(orphan.region)
        told = f"{did} {orphan.kind} {orphan.name}{where}: {orphan.reason}"
        console.print(told, soft_wrap=True)
    for region, why in swept.unreached.items():
        console.print(f"{region} could not be looked into: {why}", soft_wrap=True)
    if not (swept.removed or swept.unreached):
        console.print("nothing to remove: every resource belongs to a run")


def save_report(stack: Stack, run_id: str, folder: Path) -> None:
    """Write the run's `run.json` and `report.html` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = RunKeys(run_id)
    for key in (keys.summary, keys.report):
        if (text := read_object(stack, key)) is not None:
            (folder / key.rpartition("/")[2]).write_text(text, encoding="utf-8")


def _watch(stack: Stack, run_id: str, *, json_: bool) -> None:
    snapshots = follow(stack, run_id, tell=lambda text: typer.echo(text, err=True))
    if json_:
        for snapshot in snapshots:
            run = snapshot.run
            progress = snapshot.progress.model_dump(mode="json") if snapshot.progress else None
            _print_json(_run_json(run) | {"state": snapshot.state, "progress": progress})
    else:
        run = Screen(console).show(snapshots)
        if (summary := read_summary(stack, run_id)) is not None:
            print_outcome(console, summary)
        else:
            console.print(f"run {run_id}: {run.status}")
    raise typer.Exit(EXIT_CODES.get(run.status, 1))


def _run_json(row: RunRow) -> dict[str, Any]:
    return {
        "run_id": row.run_id,
        "spec_name": row.shown_spec_name,
        "status": row.status,
        "started_at": written(row.started_at),
        "ended_at": _written(row.ended_at),
        "endpoint_name": row.endpoint_name,
        "batch_model_name": row.batch_model_name,
        "live": row.live,
        "live_since": _written(row.in_service_since if row.live else None),
        "keep": row.kept,
        "expires_at": _written(row.expires_at),
        "usd_per_month": usd_per_month(row),
        "awaiting_approval_since": _written(
            row.awaiting_approval_since if row.awaits_approval else None
        ),
        "approve_by": _written(row.approve_by if row.awaits_approval else None),
    }


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else written(moment)


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def mount_plugins() -> None:
    """Add the commands of installed packages (entry points `stratos.commands`)."""
    mounted = {group.name for group in app.registered_groups}
    for plugin in entry_points(group="stratos.commands"):
        if plugin.name not in mounted:
            app.add_typer(plugin.load(), name=plugin.name)


def main() -> None:
    """Entry point: run, and explain errors."""
    mount_plugins()
    try:
        app()
    except SpecRejected as error:
        errors.print(str(error), style="red", soft_wrap=True, markup=False, highlight=False)
        sys.exit(4)
    except StratosError as error:
        text = f"{type(error).__name__}: {error}"
        errors.print(text, style="red", soft_wrap=True, markup=False, highlight=False)
        sys.exit(6 if isinstance(error, NotFound) else 1)
