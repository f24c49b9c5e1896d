"""`stratos`: submit, watch and manage runs, on AWS or any other endpoint of boto3.

Exit codes: 0 success, 1 an unexpected error, 2 wrong usage, 3 the run failed, 4 the spec was
refused, 5 the run was stopped, 6 not found (no stack, no such run, no endpoint), 7 no plan holds
every constraint, 130 Ctrl-C while a run was followed, which goes on.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, ClassVar

import typer

from stratos.cli.lazy_commands import LazyCommands, Listed
from stratos.cli.options import STACK_VARIABLE
from stratos.errors import (
    DatasetRejected,
    NoFeasiblePlan,
    NotFound,
    SpecRejected,
    StratosError,
)

DISTRIBUTION = "stratos-distill"
"""The package's name on an index: `stratos` is somebody else's."""


class Commands(LazyCommands):
    """Every command, in the order in which a person comes to need them."""

    listed: ClassVar = {
        "init": Listed(
            "stratos.cli.init:init_command",
            "Look at your data and write a first spec.yaml beside it, with a reason for each line.",
        ),
        "validate": Listed(
            "stratos.cli.validate:validate_command",
            "Say all that is wrong with a spec, or that nothing is; the exit code is 4 if a run "
            "would refuse the spec.",
        ),
        "plan": Listed(
            "stratos.cli.plan:plan_command",
            "Choose servers, teacher, student and method for a spec, before anything is spent.",
        ),
        "inspect": Listed(
            "stratos.cli.inspection:inspect_command",
            "Show what a dataset holds, and what a run would leave out or refuse.",
        ),
        "samples": Listed(
            "stratos.cli.samples:samples_command",
            "Page through what a run's teacher wrote: records that were kept, or attempts "
            "rejected.",
        ),
        "learned": Listed(
            "stratos.cli.learned:learned_command",
            "What finished runs taught the planner; with --forget, later plans do without it.",
        ),
        "delete": Listed(
            "stratos.cli.delete:delete_command",
            "Delete a run's endpoint with its configuration and model, or its model and batches.",
        ),
        "deploy": Listed(
            "stratos.cli.deploy:deploy_command",
            "Deploy the built stack to AWS, or change the one that is there, without Node or the "
            "CDK.",
        ),
        "destroy": Listed(
            "stratos.cli.destroy:destroy_command",
            "Delete the deployed stack; what holds data stays, unless you say otherwise.",
        ),
        "submit": Listed(
            "stratos.cli.submit:submit_command",
            "Validate a folder, upload it, and start its run.",
        ),
        "watch": Listed(
            "stratos.cli.watch:watch_command",
            "Follow a run to its end; the exit code says how it ended.",
        ),
        "logs": Listed(
            "stratos.cli.logs:logs_command",
            "Print what a run's jobs wrote, in the order in which they wrote it.",
        ),
        "runs": Listed(
            "stratos.cli.listing:runs_command",
            "List runs, newest first: what is live, since when, and what it costs.",
        ),
        "ui": Listed(
            "stratos.ui.command:ui_command",
            "Look at runs in a browser on this machine, until Ctrl-C.",
        ),
        "report": Listed(
            "stratos.cli.report:report_command", "Show a finished run, and save its report."
        ),
        "invoke": Listed(
            "stratos.cli.invoke:invoke_command",
            "Ask a run's endpoint one question. Tools that it calls are printed, one a line, as "
            "JSON.",
        ),
        "batch": Listed(
            "stratos.cli.batch:batch_command",
            "Ask a run's model a file of questions, on a server that runs only for that.",
        ),
        "pull": Listed(
            "stratos.cli.pull:pull_command",
            "Bring a run's model home: weights, adapter, GGUF, and a README with how to load each.",
        ),
        "serve": Listed(
            "stratos.cli.serve:serve_command",
            "Answer on this machine, at http://127.0.0.1:8080/v1/chat/completions, until Ctrl-C.",
        ),
        "stop": Listed(
            "stratos.cli.stop:stop_command",
            "Stop a run. Its jobs end and nothing billable is left; a model in service stays in "
            "service.",
        ),
        "approve": Listed(
            "stratos.cli.approval:approve_command",
            "Let a run that waits for approval deploy its model.",
        ),
        "reject": Listed(
            "stratos.cli.approval:reject_command",
            "Refuse the model of a run that waits for approval; the run fails, nothing is "
            "deployed.",
        ),
        "notify": Listed(
            "stratos.cli.notify:notify_app",
            "Say who is told how runs end, of models that wait for approval, and of alarms.",
        ),
        "sweep": Listed(
            "stratos.cli.sweep:sweep_command",
            "Remove resources that belong to no run. This also happens every hour on its own.",
        ),
        "catalog": Listed(
            "stratos.cli.catalog:catalog_app",
            "Servers and models on offer, with their prices and where each number comes from.",
        ),
        "local": Listed(
            "infra.local.cli:app",
            "The same template, whole, on this machine (in a clone of the repository).",
        ),
    }


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"stratos {version(DISTRIBUTION)}")
        raise typer.Exit


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
    version: Annotated[
        bool,
        typer.Option("--version", help="Say which version this is.", callback=_tell_version),
    ] = False,
) -> None:
    """Small models of your own: distilled, deployed and measured under your constraints."""
    if "AWS_REGION" in os.environ:  # which other tools of AWS read first, and boto3 not at all
        os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"]
    if stack is not None:
        os.environ[STACK_VARIABLE] = stack


def main() -> None:
    """Entry point: run, and explain errors."""
    try:
        app()
    except (SpecRejected, DatasetRejected) as error:
        _explain(str(error))
        sys.exit(4)
    except NoFeasiblePlan as error:
        _explain(str(error))
        sys.exit(7)
    except StratosError as error:
        _explain(f"{type(error).__name__}: {error}")
        sys.exit(6 if isinstance(error, NotFound) else 1)


def _explain(text: str) -> None:
    from stratos.cli.screen import make_console

    console = make_console(stderr=True)
    console.print(text, style="red", soft_wrap=True, markup=False, highlight=False)


if __name__ == "__main__":
    main()
