"""`stratos local up | status | down`: the embedded cloud from the command line."""

from __future__ import annotations

import difflib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import ClientError
from rich.console import Console

from infra.local.cloudformation.deploy import DeployError, check_assembly, deploy
from infra.local.daemon import CloudStatus, start, status, stop
from infra.local.host.capacity import USES, Capacity, Use
from infra.local.host.clients import Cloud
from infra.local.host.network import RegionNetwork
from infra.local.host.settings import LocalSettings
from stratos.catalog.local import measure_local_servers
from stratos.catalog.servers import ServerCatalog
from stratos.contracts.bucket import SERVERS_KEY
from stratos.outside_text import one_line
from stratos.regions import known_regions

StateDir = Annotated[Path, typer.Option(help="Folder that keeps the cloud's state and logs.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

app = typer.Typer(help="The same template, whole, on this machine.", no_args_is_help=True)
console = Console()

DEFAULT_STATE_DIR = Path(".stratos/local")


@app.command()
def up(
    state_dir: StateDir = DEFAULT_STATE_DIR,
    assembly: Annotated[
        Path | None,
        typer.Option(
            help="The synthesized templates. Default: cdk.out, or, for several regions, one "
            "that is synthesized for them into the state's folder."
        ),
    ] = None,
    regions: Annotated[
        str | None,
        typer.Option(
            metavar="REGION,…",
            help="Home, and the worker regions. Default: those of last time, or us-east-1.",
        ),
    ] = None,
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
    given = _parameters(parameter or [])
    settings = _settings(state_dir, regions).model_copy(
        update={"port": port, "clock_scale": clock_scale}
    )
    url, bucket = bring_up(settings, assembly or _assembly_for(settings), given)
    if json_:
        sys.stdout.write(status(settings).model_dump_json() + "\n")
    else:
        console.print(f"The cloud is up; bucket {bucket}. In every terminal that uses it:\n")
        for name, value in (
            settings.client_environment(url) | _chosen_stack(settings, url, bucket)
        ).items():
            console.print(f"export {name}={value}", highlight=False)
        _print_damage(status(settings))
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
    check_assembly(assembly, parameters, settings.regions)
    if gone := RegionNetwork(settings).cut_off():
        raise DeployError(
            f"nothing can be deployed into {', '.join(gone)}, which is cut off; "
            f"`stratos local mend {gone[0]}` lets it be reached again"
        )
    url = start(settings)
    owner = settings.key.owner
    bucket = deploy(assembly, url, owner, parameters, settings.regions)["Bucket"]
    s3 = Cloud(url, region=settings.home, caller=owner).client("s3")
    try:
        s3.head_object(Bucket=bucket, Key=SERVERS_KEY)
    except ClientError:
        servers = measure(settings.max_threads)
        s3.put_object(
            Bucket=bucket, Key=SERVERS_KEY, Body=servers.model_dump_json(indent=1).encode()
        )
    return url, bucket


def _settings(state_dir: Path, regions: str | None) -> LocalSettings:
    """Of a state directory, with the regions asked for or those of last time."""
    if regions is None:
        return LocalSettings.of_last_time(state_dir)
    names = tuple(name.strip() for name in regions.split(","))
    for name in names:
        _refuse_unknown_region(name)
    if len(set(names)) < len(names):
        raise typer.BadParameter("a region is named twice", param_hint="--regions")
    return LocalSettings(state_dir=state_dir, regions=names)


def _refuse_unknown_region(name: str) -> None:
    known = known_regions()
    if name not in known:
        raise typer.BadParameter(
            f"there is no region {name!r}; those whose place is known are {', '.join(known)}"
        )


def _assembly_for(settings: LocalSettings) -> Path:
    """cdk.out for one region; for several, what is synthesized for them.

    Raises:
        DeployError: It cannot be synthesized.
    """
    if len(settings.regions) == 1:
        return Path("cdk.out")
    out = settings.state_dir.resolve() / "cdk.out"
    home, *workers = settings.regions
    context = {"stratos:home_region": home, "stratos:worker_regions": ",".join(workers)}
    command = [sys.executable, "-m", "infra.app", "--out", str(out)]
    for key, value in context.items():
        command += ["-c", f"{key}={value}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DeployError(f"the templates of {', '.join(settings.regions)}: {done.stderr.strip()}")
    return out


def _chosen_stack(settings: LocalSettings, url: str, bucket: str) -> dict[str, str]:
    """Which stack was deployed, where the cloud has several."""
    names = {}
    owner = Cloud(url, region=settings.home, caller=settings.key.owner)
    cloudformation = owner.client("cloudformation")
    for stack in cloudformation.describe_stacks()["Stacks"]:
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
        console.print(
            f"home: {found.regions[0]}; workers: {', '.join(found.regions[1:]) or 'none'}"
        )
        if gone := RegionNetwork(LocalSettings.of_last_time(state_dir)).cut_off():
            console.print(f"cut off: {', '.join(gone)}")
        _print_damage(found)
    else:
        console.print("down")
    if not found.alive:
        raise typer.Exit(6)


def _print_damage(found: CloudStatus) -> None:
    if not found.num_damaged:
        return
    console.print(
        f"\n{found.num_damaged} change(s) or object(s) are damaged or missing, as the files below "
        "the state's folder show. Make such a change again; put such an object again, or delete it:"
    )
    for words in found.damaged:
        console.print(f"  {one_line(words)}", markup=False, highlight=False, soft_wrap=True)
    if more := found.num_damaged - len(found.damaged):
        console.print(f"  and {more} more, which server.log names")


@app.command()
def down(state_dir: StateDir = DEFAULT_STATE_DIR) -> None:
    """Save the cloud's state and end its processes; `up` takes it up again."""
    ended = stop(LocalSettings(state_dir=state_dir))
    if ended.killed_because:
        told = f"killed, because {ended.killed_because}; what it had acknowledged is kept"
    else:
        told = "stopped; its state is kept" if ended.was_up else "it was not up"
    console.print(told, soft_wrap=True)
    if ended.num_left:
        console.print(f"ended {ended.num_left} process(es) that a killed cloud had left")


@app.command()
def capacity(
    instance_types: Annotated[
        list[str] | None,
        typer.Argument(help="None of these is free from now on. Without any, only say."),
    ] = None,
    use: Annotated[Use | None, typer.Option(help="Only for this. Default: for all.")] = None,
    free: Annotated[bool, typer.Option("--free", help="They are free again.")] = False,
    quota: Annotated[
        bool, typer.Option("--quota", help="Of the account's quota, in place of capacity.")
    ] = False,
    region: Annotated[str | None, typer.Option(help="Where. Default: the home region.")] = None,
    state_dir: StateDir = DEFAULT_STATE_DIR,
    json_: Json = False,
) -> None:
    """Say of which instance types the cloud has none, or change that, also while it runs."""
    settings = LocalSettings.of_last_time(state_dir)
    if region is not None:
        _refuse_absent_region(settings, region)
    found = Capacity(settings, region or settings.home)
    _refuse_unknown(instance_types or [])
    if instance_types:
        given, taken = (found.permit, found.forbid) if quota else (found.restore, found.exhaust)
        change = given if free else taken
        change(instance_types, USES if use is None else (use,))
    lacking = found.forbidden() if quota else found.lacking()
    if json_:
        sys.stdout.write(json.dumps(lacking) + "\n")
        return
    for one, types in lacking.items():
        everything = "everything is allowed" if quota else "everything is free"
        console.print(f"{one}: {', '.join(types) if types else everything}")


@app.command()
def cut(
    region: Annotated[str, typer.Argument(help="Nothing gets into it or out of it any more.")],
    lose_jobs: Annotated[
        bool, typer.Option("--lose-jobs", help="What runs there is killed, and its jobs are gone.")
    ] = False,
    state_dir: StateDir = DEFAULT_STATE_DIR,
) -> None:
    """Cut a region off from the others and from you, also while the cloud runs."""
    settings = LocalSettings.of_last_time(state_dir)
    _refuse_absent_region(settings, region)
    network = RegionNetwork(settings)
    network.cut(region, lose_jobs=lose_jobs)
    console.print(f"cut off: {', '.join(network.cut_off())}")


@app.command()
def mend(
    region: Annotated[str, typer.Argument(help="It can be reached again.")],
    state_dir: StateDir = DEFAULT_STATE_DIR,
) -> None:
    """Let a region be reached again."""
    settings = LocalSettings.of_last_time(state_dir)
    _refuse_absent_region(settings, region)
    network = RegionNetwork(settings)
    network.mend(region)
    console.print(f"cut off: {', '.join(network.cut_off()) or 'nothing'}")


def _refuse_absent_region(settings: LocalSettings, region: str) -> None:
    if region not in settings.regions:
        raise typer.BadParameter(
            f"the cloud has no region {region!r}; it has {', '.join(settings.regions)}"
        )


def _refuse_unknown(instance_types: list[str]) -> None:
    catalog = {row.instance_type for row in ServerCatalog.aws().instance_types}
    for name in instance_types:
        if name not in catalog and not re.fullmatch(r"ml\.local\.cpu\d+", name):
            close = difflib.get_close_matches(name, catalog, n=3)
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            raise typer.BadParameter(
                f"the catalog has no instance type {name!r}{hint}", param_hint="INSTANCE_TYPES"
            )
