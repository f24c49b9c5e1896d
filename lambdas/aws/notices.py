"""SNS: notices to whoever subscribed to the stack's topic."""

from __future__ import annotations

from lambdas.aws.clients import client
from lambdas.aws.settings import settings

_LONGEST_SUBJECT = 100


def send(subject: str, message: str) -> None:
    """Tell everybody who subscribed."""
    client("sns").publish(
        TopicArn=settings().topic_arn, Subject=subject[:_LONGEST_SUBJECT], Message=message
    )
