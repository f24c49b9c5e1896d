"""`stratos local up | status | down`: the embedded cloud from the command line."""

from __future__ import annotations

import difflib
import json
import re
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import ClientError
from rich.console import Console

from infra.local.cloudformation.deploy import check_assembly, deploy
from infra.local.daemon import start, status, stop
from infra.local.host.capacity import USES, Capacity, Use
from infra.local.host.clients import Cloud
from infra.local.host.settings import LocalSettings, client_environment
from stratos.catalog.local import measure_local_servers
from stratos.catalog.servers import ServerCatalog
from stratos.contracts.bucket import SERVERS_KEY

StateDir = Annotated[Path, typer.Option(help="Folder that keeps the cloud's state and logs.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

app = typer.Typer(help="The same template, whole, on this machine.", no_args_is_help=True)
console = Console()

DEFAULT_STATE_DIR = Path(".stratos/local")


@app.command()
def up(
    state_dir: StateDir = DEFAULT_STATE_DIR,
    assembly: Annotated[Path, typer.Option(help="The synthesized template.")] = Path("cdk.out"),
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 0,
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A parameter of the template; may be repeated."),
    ] = None,
    clock_scale: Annotated[float, typer.Option(help="Speed of the schedules' clock.")] = 1.0,
    foreground: Annotated[bool, typer.Option(help="Stay until interrupted.")] = False,
    json_: Json = False,
) -> None:
    """Start the cloud, deploy the template into it, and list this machine's servers in it."""
    settings = LocalSettings(state_dir=state_dir, port=port, clock_scale=clock_scale)
    url, bucket = bring_up(settings, assembly, _parameters(parameter or []))
    if json_:
        sys.stdout.write(status(settings).model_dump_json() + "\n")
    else:
        console.print(f"The cloud is up; bucket {bucket}. In every terminal that uses it:\n")
        for name, value in (client_environment(url) | _chosen_stack(url, bucket)).items():
            console.print(f"export {name}={value}", highlight=False)
    if foreground:
        console.print("\nCtrl-C saves its state and ends it.")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            stop(settings)


def bring_up(
    settings: LocalSettings,
    assembly: Path,
    parameters: Mapping[str, str] | None = None,
    measure: Callable[[int], ServerCatalog] = measure_local_servers,
) -> tuple[str, str]:
    """Start, deploy and seed; each of them only where it is not done yet.

    Args:
        measure: Says what this machine's servers of at most so many threads reach; seconds.

    Returns:
        The endpoint URL and the name of the bucket.

    Raises:
        StratosError: The assembly or a parameter is refused, before anything is started; or the
            cloud does not start, or the stack fails.
    """
    check_assembly(assembly, parameters)
    url = start(settings)
    bucket = deploy(assembly, url, parameters)["Bucket"]
    s3 = Cloud(url).client("s3")
    try:
        s3.head_object(Bucket=bucket, Key=SERVERS_KEY)
    except ClientError:
        servers = measure(settings.max_threads)
        s3.put_object(
            Bucket=bucket, Key=SERVERS_KEY, Body=servers.model_dump_json(indent=1).encode()
        )
    return url, bucket


def _chosen_stack(url: str, bucket: str) -> dict[str, str]:
    """Which stack was deployed, where the cloud has several."""
    names = {}
    for stack in Cloud(url).client("cloudformation").describe_stacks()["Stacks"]:
        outputs = {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}
        if "Bucket" in outputs:
            names[outputs["Bucket"]] = stack["StackName"]
    return {"STRATOS_STACK": names[bucket]} if len(names) > 1 else {}


def _parameters(given: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for key, equals, _ in pairs:
        if not (key and equals):
            raise typer.BadParameter(f"{key!r} is not KEY=VALUE", param_hint="--parameter")
    return {key: value for key, _, value in pairs}


@app.command("status")
def status_command(state_dir: StateDir = DEFAULT_STATE_DIR, json_: Json = False) -> None:
    """Say whether the cloud runs, and where; exit code 6 when it does not."""
    found = status(LocalSettings(state_dir=state_dir))
    if json_:
        sys.stdout.write(found.model_dump_json() + "\n")
    elif found.alive:
        console.print(f"up since {found.started_at:%Y-%m-%d %H:%M:%S} at {found.url}")
    else:
        console.print("down")
    if not found.alive:
        raise typer.Exit(6)


@app.command()
def down(state_dir: StateDir = DEFAULT_STATE_DIR) -> None:
    """Save the cloud's state and end its processes; `up` takes it up again."""
    ended = stop(LocalSettings(state_dir=state_dir))
    console.print("stopped; its state is kept" if ended else "it was not up")


@app.command()
def capacity(
    instance_types: Annotated[
        list[str] | None,
        typer.Argument(help="None of these is free from now on. Without any, only say."),
    ] = None,
    use: Annotated[Use | None, typer.Option(help="Only for this. Default: for all.")] = None,
    free: Annotated[bool, typer.Option("--free", help="They are free again.")] = False,
    state_dir: StateDir = DEFAULT_STATE_DIR,
    json_: Json = False,
) -> None:
    """Say of which instance types the cloud has none, or change that, also while it runs."""
    found = Capacity(LocalSettings(state_dir=state_dir))
    _refuse_unknown(instance_types or [])
    if instance_types:
        change = found.restore if free else found.exhaust
        change(instance_types, USES if use is None else (use,))
    lacking = found.lacking()
    if json_:
        sys.stdout.write(json.dumps(lacking) + "\n")
        return
    for one, types in lacking.items():
        console.print(f"{one}: {', '.join(types) if types else 'everything is free'}")


def _refuse_unknown(instance_types: list[str]) -> None:
    catalog = {row.instance_type for row in ServerCatalog.aws().instance_types}
    for name in instance_types:
        if name not in catalog and not re.fullmatch(r"ml\.local\.cpu\d+", name):
            close = difflib.get_close_matches(name, catalog, n=3)
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            raise typer.BadParameter(
                f"the catalog has no instance type {name!r}{hint}", param_hint="INSTANCE_TYPES"
            )
