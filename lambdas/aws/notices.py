"""SNS: notices to whoever subscribed to the stack's topic."""

from __future__ import annotations

from lambdas.aws.clients import client
from lambdas.aws.settings import settings
from stratos.outside_text import mail_subject, visible


def send(subject: str, message: str) -> None:
    """Tell everybody who subscribed."""
    client("sns").publish(
        TopicArn=settings().topic_arn, Subject=mail_subject(subject), Message=visible(message)
    )
