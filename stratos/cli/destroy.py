"""`stratos destroy`: the stack out of the account, and its data too if that is wanted."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.console import Console

from stratos.cli.account import account_in, told_of
from stratos.cli.change_table import event_line
from stratos.cli.ending import StackUse, empty_registry, end_all
from stratos.cli.screen import make_console
from stratos.cli.stack import Stack, client
from stratos.cli.versions import delete_kept, kept_under
from stratos.deploying.deployment import Account
from stratos.deploying.following import ResourceEvent, describe
from stratos.deploying.removal import (
    StayingResource,
    delete_run_roles,
    delete_stack,
    delete_staying,
    last_deleted,
    what_stays,
)
from stratos.errors import StackFailed, StackInUse, StackNotFound
from stratos.hosting.names import DEFAULT_STACK, STACK_VARIABLE, StackNames
from stratos.hosting.ownership import STACK_TAG
from stratos.units import count

_NEVER_MADE = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")
"""Of a stack that has no outputs, and never had a run."""


def destroy_command(
    data: Annotated[
        bool,
        typer.Option(
            "--data",
            help="Also delete what stays otherwise: the bucket with datasets and models, the "
            "table of runs, and the key.",
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also if runs are under way or models in service: end them."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for scripts.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would go and what would stay.")
    ] = False,
) -> None:
    """Delete the deployed stack; what holds data stays, unless you say otherwise.

    Runs and endpoints go first, then worker regions, then the stack, then its archives. It can be
    repeated if it is cut short.
    """
    console, account = make_console(), account_in()
    described, stack = _found(account)
    name, is_gone = described["StackName"], described["StackStatus"] == "DELETE_COMPLETE"
    staying = what_stays(account.cloudformation, described["StackId"])
    use = StackUse.of(stack) if stack else StackUse((), (), ())
    _say(console, told_of(account))
    for line in _announced(described, stack, staying, use, data=data):
        _say(console, line)
    if dry_run:
        return
    if (use.under_way or use.live) and not force:
        raise StackInUse(
            f"{name} is in use, as listed above; end that first, or give --force to have it ended"
        )
    if not yes and typer.prompt(f"Type {name} to delete it") != name:
        _say(console, "nothing was deleted")
        raise typer.Exit(1)
    if stack:
        end_all(stack, use, lambda line: _say(console, line), account.sleep)
        num = empty_registry(stack)
        _say(console, f"deleted {count(num, 'version')} in the model registry")
        for region in stack.worker_regions:
            _delete_worker(console, stack, region)
    if not is_gone:
        for role in delete_run_roles(client("iam"), StackNames(name).role_path(account.region)):
            _say(console, f"deleted role {role}")
        delete_stack(account, described["StackId"], _teller(console))
        _say(console, f"{name} is deleted")
    try:
        _delete_remains(console, account, described, staying, data=data)
    except BaseException:
        again = f"stratos --stack {name} destroy{' --data' * data}"
        _say(console, f"{name} is deleted, but not all that it left; `{again}` goes on with that")
        raise


def _delete_remains(
    console: Console,
    account: Account,
    described: Any,
    staying: list[StayingResource],
    *,
    data: bool,
) -> None:
    """Delete what a deleted stack left, data last, and say what is left then."""
    name = described["StackName"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in described.get("Outputs", ())}
    for region in filter(None, outputs.get("WorkerRegions", "").split(",")):
        there, worker = account_in(region), StackNames(name).worker
        if describe(there.cloudformation, worker) is None:
            _remove_archives(console, there, name)
        else:
            _say(
                console, f"{worker} in {region} still stands; docs/deploy.md says how to remove it"
            )
    _remove_archives(console, account, name)
    _remove_webhooks(console, account, StackNames(name))
    if data:
        _delete_data(console, account, staying)
    for line in _left(account, name, [] if data else staying):
        _say(console, line)


def _found(account: Account) -> tuple[Any, Stack | None]:
    """The stack as CloudFormation has it, and as ours if it was ever made whole.

    One that is named may be deleted already, of which something may be left.

    Raises:
        StackNotFound: as `Stack.find`.
    """
    named = os.environ.get(STACK_VARIABLE)
    described = describe(account.cloudformation, named or DEFAULT_STACK)
    if described is not None and described["StackStatus"] in _NEVER_MADE:
        return described, None
    if described is None and named:
        gone = last_deleted(account.cloudformation, named)
        if gone is not None and _is_ours(gone):
            return gone, None
    try:
        stack = Stack.find()
    except StackNotFound as error:
        if named:
            raise
        raise StackNotFound(
            f"{error}. Where one was deleted but not all that it left, name it: `stratos --stack "
            f"{DEFAULT_STACK} destroy`"
        ) from error
    described = describe(account.cloudformation, stack.names.stack)
    if described is None:
        raise StackNotFound(f"{stack.names.stack} is not there any more")
    return described, stack


def _is_ours(described: Any) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", ())}
    return bool(tags.get(STACK_TAG) == described["StackName"])


def _announced(
    described: Any,
    stack: Stack | None,
    staying: list[StayingResource],
    use: StackUse,
    *,
    data: bool,
) -> Iterator[str]:
    """What goes and what stays, in words."""
    if described["StackStatus"] == "DELETE_COMPLETE":
        yield f"{described['StackName']} is deleted; what it left is to be deleted, with"
        yield "  its archives, and its secret with webhooks"
    else:
        yield f"{described['StackName']}, {described['StackStatus']}, is to be deleted, with"
        yield "  its functions, state machine, schedules, alarms, roles and logs of functions"
    if stack:
        yield "  every version in its model registry"
        for region in stack.worker_regions:
            yield f"  {stack.names.worker} in {region}, with all that is in its bucket"
    yield from (f"  {line}" for line in use.told())
    yield "and then also:" if data else "What stays, until you delete it:"
    yield from (f"  {one.told}" for one in staying)


def _delete_worker(console: Console, stack: Stack, region: str) -> None:
    """Delete a worker region's stack. Nothing in its bucket is the only copy of anything."""
    account = account_in(region)
    described = describe(account.cloudformation, stack.names.worker)
    if described is not None:
        there = stack.in_region(region)
        # An earlier try may have deleted the bucket, and then failed on something else.
        with contextlib.suppress(there.s3.exceptions.NoSuchBucket):
            delete_kept(there, kept_under(there, ""))
        delete_stack(account, described["StackId"], _teller(console))
        _say(console, f"{stack.names.worker} in {region} is deleted")
    _remove_archives(console, account, stack.names.stack)


def _remove_archives(console: Console, account: Account, owner: str) -> None:
    """Delete the bucket of archives, which a stack of the CDK's command never had."""
    bucket = account.asset_bucket(owner)
    try:
        is_there = bucket.exists()
    except StackFailed as error:
        _say(console, f"left alone: {error}")
        return
    if is_there:
        bucket.remove()
        _say(console, f"deleted bucket {bucket.name}, which held archives and templates")


def _remove_webhooks(console: Console, account: Account, names: StackNames) -> None:
    """Delete the secret of `stratos notify`: the topic that it was for is gone."""
    secrets = client("secretsmanager", region=account.region)
    try:
        secrets.describe_secret(SecretId=names.webhooks_secret)
    except secrets.exceptions.ResourceNotFoundException:
        return
    secrets.delete_secret(SecretId=names.webhooks_secret, ForceDeleteWithoutRecovery=True)
    _say(console, f"deleted secret {names.webhooks_secret}")


def _delete_data(console: Console, account: Account, staying: list[StayingResource]) -> None:
    def empty(name: str) -> None:
        # Of the stack, which is gone, only the bucket is left.
        holder = Stack(name, "", "", "", StackNames(DEFAULT_STACK), elsewhere=account.region)
        delete_kept(holder, kept_under(holder, ""))

    told = delete_staying(
        staying,
        empty_bucket=empty,
        dynamodb=client("dynamodb", region=account.region),
        kms=client("kms", region=account.region),
        s3=account.s3,
    )
    for line in told:
        _say(console, line)


def _left(account: Account, name: str, staying: list[StayingResource]) -> Iterator[str]:
    """What is left in the account, and what to do about it."""
    prefix = f"{name.lower()}/"
    pages = client("secretsmanager", region=account.region).get_paginator("list_secrets")
    found = pages.paginate(Filters=[{"Key": "name", "Values": [prefix]}])
    secrets = [secret["Name"] for page in found for secret in page["SecretList"]]
    lines = [one.told for one in staying]
    lines += [
        f"secret {secret}, 40 cents a month" for secret in secrets if secret.startswith(prefix)
    ]
    lines.append("log groups that SageMaker made: /aws/sagemaker/…, billed by size")
    yield "left in the account:"
    yield from (f"  {line}" for line in lines)
    if staying:
        yield "docs/deploy.md, Removing a stack, says how to delete each of these"


def _teller(console: Console) -> Any:
    numbers = itertools.count(1)

    def tell(event: ResourceEvent) -> None:
        number = 0 if event.is_failed else next(numbers)
        console.print(event_line(event, number, 0), soft_wrap=True)

    return tell


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, markup=False, highlight=False)
