"""TellWebhooks: what the topic tells people is posted to the stack's webhooks, too."""

from __future__ import annotations

import json

from lambdas.aws import webhooks
from lambdas.step import step
from stratos.contracts.webhooks import WebhookPost
from stratos.errors import WebhooksFailed
from stratos.outside_text import slack
from stratos.pipeline.steps import Notice, Published, WebhooksTold


@step
def handler(payload: Published) -> WebhooksTold:
    """Post each notice to every address, once; a second call would tell those that took it again.

    Raises:
        WebhooksFailed: when none took it; Lambda then calls again.
    """
    urls = webhooks.read().urls
    took = webhooks.tell_all(
        (url, _post(record.notice)) for record in payload.records for url in urls
    )
    if took and not any(took):
        raise WebhooksFailed(
            f"none of {len(urls)} webhooks took a notice; the log says what each answered. "
            "`stratos notify remove` takes one out"
        )
    return WebhooksTold(told=sum(took), failed=len(took) - sum(took))


def _post(notice: Notice) -> WebhookPost:
    message = _readable(notice.message)
    subject = notice.subject or "Stratos"
    return WebhookPost(text=slack(f"{subject}\n{message}"), subject=subject, message=message)


def _readable(message: str) -> str:
    """An alarm's words from CloudWatch's JSON; any other message as it is."""
    try:
        alarm = json.loads(message)
        return f"{alarm['AlarmDescription']}\n{alarm['NewStateReason']}"
    except (ValueError, KeyError, TypeError):
        return message
