"""`stratos notify`: who is told how runs end, of models that wait for approval, and of alarms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from stratos.cli.options import Json
from stratos.cli.screen import make_console, print_json
from stratos.cli.stack import Stack, client
from stratos.contracts.webhooks import Webhooks, masked, why_not_asked
from stratos.errors import NotFound, StackNotFound, StratosError

notify_app = typer.Typer(
    no_args_is_help=True,
    help="Say who is told how runs end, of models that wait for approval, and of alarms.",
)
_PENDING = "PendingConfirmation"
_FUNCTION = "tell_webhooks"


@dataclass(frozen=True)
class Listener:
    """Somebody who is told.

    Attributes:
        shown: An e-mail address, or a webhook as far as it may be shown.
        is_pending: Whether the link in SNS's letter has not been followed yet.
    """

    kind: str
    shown: str
    is_pending: bool = False


@notify_app.command("add")
def add_command(
    target: Annotated[str, typer.Argument(help="An e-mail address, or https://… of a webhook.")],
) -> None:
    """Tell somebody from now on: an e-mail address, or a webhook as Slack and others have them."""
    stack = Stack.find()
    if "://" not in target:
        _say(_add_email(stack, target))
        return
    if why := why_not_asked(target):
        raise typer.BadParameter(f"{target} {why}", param_hint="TARGET")
    urls = _read(stack).urls
    try:
        wanted = Webhooks(urls=(*(url for url in urls if url != target), target))
    except ValidationError:
        raise typer.BadParameter(
            f"{target} is no https://… address; a webhook has one, and an e-mail address an @",
            param_hint="TARGET",
        ) from None
    _subscribe_function(stack)
    _write(stack, wanted)
    _say(f"{masked(target)} is told from now on; `stratos notify test` tries it")


@notify_app.command("remove")
def remove_command(
    target: Annotated[str, typer.Argument(help="As it was added, or as `list` shows it.")],
) -> None:
    """Tell somebody no longer."""
    stack = Stack.find()
    for subscription in _emails(stack):
        if subscription["Endpoint"] == target:
            if subscription["SubscriptionArn"] == _PENDING:
                raise StratosError(
                    f"{target} has not followed the link in SNS's letter, so nothing is sent "
                    "there; SNS forgets it by itself within two days"
                )
            client("sns").unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
            _say(f"{target} is told no longer")
            return
    urls = _read(stack).urls
    left = tuple(url for url in urls if target not in (url, masked(url)))
    if len(urls) - len(left) != 1:
        several = "more than one webhook looks like that; give its whole address"
        shown = ", ".join(one.shown for one in listeners(stack)) or "nobody"
        raise NotFound(several if len(left) < len(urls) else f"{target} is not told; told: {shown}")
    _write(stack, Webhooks(urls=left))
    if not left:
        _forget_webhooks(stack)
    _say(f"{masked(target) if target in urls else target} is told no longer")


@notify_app.command("list")
def list_command(json_: Json = False) -> None:
    """List who is told."""
    found = list(listeners(Stack.find()))
    if json_:
        print_json([vars(one) for one in found])
        return
    for one in found:
        pending = ": waits until the link in SNS's letter is followed" * one.is_pending
        _say(f"{one.kind:<8} {one.shown}{pending}")
    if not found:
        _say("nobody is told; stratos notify add YOU@EXAMPLE.COM")


@notify_app.command("test")
def test_command() -> None:
    """Send everybody who is told a line to try it."""
    stack = Stack.find()
    client("sns").publish(
        TopicArn=_topic(stack),
        Subject=f"{stack.names.stack}: a test",
        Message="This is what `stratos notify test` sends. Runs and alarms are told the same way.",
    )
    function = stack.names.function(_FUNCTION)
    _say(f"sent; a webhook that does not take it is in the log of {function}")


def listeners(stack: Stack) -> Iterator[Listener]:
    """Everybody who is told, or would be."""
    for subscription in _emails(stack):
        pending = subscription["SubscriptionArn"] == _PENDING
        yield Listener("e-mail", subscription["Endpoint"], pending)
    for url in _read(stack).urls:
        yield Listener("webhook", masked(url))


def _add_email(stack: Stack, address: str) -> str:
    if "@" not in address:
        raise typer.BadParameter(
            f"{address} is neither an e-mail address nor an https://… address",
            param_hint="TARGET",
        )
    client("sns").subscribe(TopicArn=_topic(stack), Protocol="email", Endpoint=address)
    return (
        f"AWS has written to {address}; nothing is told there before somebody follows the link in "
        "that letter"
    )


def _emails(stack: Stack) -> Iterator[dict[str, Any]]:
    return (one for one in _subscriptions(stack) if one["Protocol"] == "email")


def _subscriptions(stack: Stack) -> Iterator[dict[str, Any]]:
    pages = client("sns").get_paginator("list_subscriptions_by_topic")
    for page in pages.paginate(TopicArn=_topic(stack)):
        yield from page["Subscriptions"]


def _topic(stack: Stack) -> str:
    if not stack.topic_arn:
        raise StackNotFound(f"{stack.names.stack} has no topic; update it with `stratos deploy`")
    return stack.topic_arn


def _read(stack: Stack) -> Webhooks:
    secrets = client("secretsmanager")
    try:
        found = secrets.get_secret_value(SecretId=stack.names.webhooks_secret)
    except (
        secrets.exceptions.ResourceNotFoundException,
        secrets.exceptions.InvalidRequestException,  # it is marked for deletion
    ):
        return Webhooks()
    return Webhooks.model_validate_json(found["SecretString"])


def _write(stack: Stack, webhooks: Webhooks) -> None:
    secrets, name = client("secretsmanager"), stack.names.webhooks_secret
    text = webhooks.model_dump_json()
    try:
        if secrets.describe_secret(SecretId=name).get("DeletedDate"):
            secrets.restore_secret(SecretId=name)
        secrets.put_secret_value(SecretId=name, SecretString=text)
    except secrets.exceptions.ResourceNotFoundException:
        secrets.create_secret(Name=name, SecretString=text, KmsKeyId=f"alias/{stack.names.prefix}")


def _subscribe_function(stack: Stack) -> None:
    """Let the topic call the function that posts, which a stack of before does not have."""
    functions = client("lambda")
    name = stack.names.function(_FUNCTION)
    try:
        found = functions.get_function_configuration(FunctionName=name)
    except functions.exceptions.ResourceNotFoundException as error:
        raise StackNotFound(
            f"{stack.names.stack} has no function {name}, which posts to webhooks; update the "
            "stack with `stratos deploy`"
        ) from error
    client("sns").subscribe(
        TopicArn=_topic(stack), Protocol="lambda", Endpoint=found["FunctionArn"]
    )


def _forget_webhooks(stack: Stack) -> None:
    """Delete the secret, which is billed by the month, and let the function rest."""
    client("secretsmanager").delete_secret(
        SecretId=stack.names.webhooks_secret, ForceDeleteWithoutRecovery=True
    )
    for subscription in _subscriptions(stack):
        if subscription["Protocol"] == "lambda":
            client("sns").unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])


def _say(text: str) -> None:
    make_console().print(text, soft_wrap=True, markup=False, highlight=False)
