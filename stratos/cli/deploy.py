"""`stratos deploy`: the built stack into an account, with nothing but boto3."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from stratos.cli.account import account_in, told_of
from stratos.cli.change_table import event_line, print_changes
from stratos.cli.ending import refuse_left_behind
from stratos.cli.screen import make_console
from stratos.cli.stack import Stack
from stratos.deploying.assembly import BuiltStack, built_folder, read_stacks
from stratos.deploying.deployment import Deployment
from stratos.deploying.following import ResourceEvent, describe
from stratos.errors import StackFailed, StratosError
from stratos.hosting.names import STACK_VARIABLE
from stratos.moment import now


def deploy_command(
    assembly: Annotated[
        Path | None,
        typer.Option(
            help="Folder with a synthesized stack, of other settings than those of the package.",
            show_default=False,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A parameter of the template, such as SubnetIds; of a worker region's stack, "
            "REGION:KEY=VALUE. One that is not given stays what it is.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for scripts.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
    protect: Annotated[
        bool | None,
        typer.Option(
            "--protect/--no-protect",
            help="Have CloudFormation refuse to delete the stack. A new one is protected.",
            show_default=False,
        ),
    ] = None,
    from_cdk: Annotated[
        bool,
        typer.Option("--from-cdk", help="Take over a stack that `npx cdk deploy` deployed."),
    ] = False,
) -> None:
    """Deploy the built stack to AWS, or change the one that is there, without Node or the CDK.

    The changes are shown first, and you are asked. Run it again after an upgrade of the package.
    """
    console = make_console()
    folder = assembly or built_folder()
    deployments = _deployments(read_stacks(folder, os.environ.get(STACK_VARIABLE)))
    for account in {one.account.region: one.account for one in deployments}.values():
        _say(console, told_of(account))
    _say(console, f"{', '.join(one.stack.name for one in deployments)}, from {folder}")
    _keep_regions_in_use(console, deployments)
    try:
        _propose(console, deployments, settings or [], from_cdk=from_cdk)
        agreed = not dry_run and _agreed(deployments, yes=yes)
    except BaseException:
        _withdraw(console, deployments)
        raise
    if not agreed:
        if not _withdraw(console, deployments):
            raise StackFailed("no stack was changed, but not all of the proposal is withdrawn")
        _say(console, "nothing was changed")
        raise typer.Exit(0 if dry_run else 1)
    _carry_out_all(console, deployments, protect=protect)
    _say_what_next(console, deployments[0])


def _deployments(stacks: list[BuiltStack]) -> list[Deployment]:
    home = account_in(stacks[0].region)
    return [
        Deployment(stack, home if stack.is_home else account_in(stack.region)) for stack in stacks
    ]


def _keep_regions_in_use(console: Console, deployments: list[Deployment]) -> None:
    """
    Raises:
        StackInUse: A region that is left out has something that would be billed unseen.
    """
    home = deployments[0]
    present = describe(home.account.cloudformation, home.stack.name)
    outputs = {} if present is None else _outputs(present)
    before = filter(None, outputs.get("WorkerRegions", "").split(","))
    built = {one.account.region for one in deployments}
    if left_out := [region for region in before if region not in built]:
        stack = Stack.find(home.stack.name, home.account.region)
        refuse_left_behind(stack, left_out, lambda line: _say(console, line))


def _propose(
    console: Console, deployments: list[Deployment], given: list[str], *, from_cdk: bool
) -> None:
    wanted = _settings(given, deployments)
    name = f"stratos-{now():%Y%m%d-%H%M%S}"
    for one in deployments:
        change_set = one.propose(
            name, wanted["" if one.stack.is_home else one.account.region], from_cdk=from_cdk
        )
        print_changes(console, change_set, one.account.region)


def _settings(given: list[str], deployments: list[Deployment]) -> dict[str, dict[str, str]]:
    """What is set, by worker region; at home by nothing."""
    wanted: dict[str, dict[str, str]] = {
        "" if one.stack.is_home else one.account.region: {} for one in deployments
    }
    for text in given:
        key, equals, value = text.partition("=")
        region, _, name = key.rpartition(":")
        if not equals or not name:
            raise typer.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--set")
        if region not in wanted:
            raise typer.BadParameter(
                f"{region} is no worker region of this stack; there are "
                f"{', '.join(filter(None, wanted)) or 'none'}",
                param_hint="--set",
            )
        wanted[region][name] = value
    return wanted


def _agreed(deployments: list[Deployment], *, yes: bool) -> bool:
    if all(one.change_set is None or one.change_set.is_empty for one in deployments):
        return True
    return yes or typer.confirm("Make these changes?")


def _withdraw(console: Console, deployments: list[Deployment]) -> bool:
    """Withdraw each that is not under way, say of which that fails, and return whether of none."""
    are_all = True
    for one in deployments:
        try:
            one.withdraw()
        except (StratosError, BotoCoreError, ClientError) as error:
            are_all = False
            _say(console, f"{one.stack.name} in {one.account.region} is not withdrawn: {error}")
    return are_all


def _carry_out_all(
    console: Console, deployments: list[Deployment], *, protect: bool | None
) -> None:
    """Carry out one after the other; if one fails, those after it are withdrawn."""
    try:
        for one in deployments:
            _carry_out(console, one, protect=protect)
    except BaseException:
        _withdraw(console, deployments)
        raise


def _carry_out(console: Console, deployment: Deployment, *, protect: bool | None) -> None:
    proposed = deployment.change_set
    assert proposed is not None, "it was proposed before"
    numbers = itertools.count(1)
    total = len(proposed.changes)

    def tell_event(event: ResourceEvent) -> None:
        number = 0 if event.is_failed else next(numbers)
        console.print(event_line(event, number, total), soft_wrap=True)

    try:
        stack = deployment.carry_out(lambda line: _say(console, line), tell_event)
    except KeyboardInterrupt:
        if not deployment.is_executed:
            raise
        raise StackFailed(
            f"you stopped watching, and CloudFormation goes on with {proposed.stack_name}; "
            "`stratos deploy` says later whether anything is left to do"
        ) from None
    _say(console, f"{stack['StackName']} is {stack['StackStatus']}")
    if protect is not None or proposed.creates:
        deployment.protect(protect is not False)
    elif stack.get("EnableTerminationProtection") is False:
        _say(
            console,
            f"{proposed.stack_name} is not protected from deletion; `stratos deploy --protect` "
            "protects it",
        )


def _say_what_next(console: Console, home: Deployment) -> None:
    described: Any = home.account.cloudformation.describe_stacks(StackName=home.stack.name)
    outputs = _outputs(described["Stacks"][0])
    for key in sorted(outputs):
        _say(console, f"{key:<20} {outputs[key]}")
    if bucket := outputs.get("Bucket"):
        _say(
            console,
            f"next: stratos catalog refresh --region {home.account.region} --out s3://{bucket}, "
            "stratos notify add YOUR-E-MAIL, then stratos submit FOLDER --watch",
        )


def _outputs(described: Mapping[str, Any]) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in described.get("Outputs", ())}


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, markup=False, highlight=False)
