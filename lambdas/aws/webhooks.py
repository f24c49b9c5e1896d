"""Webhooks: the addresses that the stack's secret holds, and what they are told."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

from lambdas.aws.clients import client
from lambdas.aws.settings import settings
from lambdas.step import logger
from stratos.contracts.webhooks import WebhookPost, Webhooks, masked

_PATIENCE_SECONDS = 10.0


def read() -> Webhooks:
    """Those of the stack; none where there is no secret."""
    secrets = client("secretsmanager")
    try:
        found = secrets.get_secret_value(SecretId=settings().names.webhooks_secret)
    except secrets.exceptions.ResourceNotFoundException:
        return Webhooks()
    return Webhooks.model_validate_json(found["SecretString"])


def tell(url: str, post: WebhookPost) -> bool:
    """Post to an address, and return whether it took it. The address itself is not logged."""
    request = urllib.request.Request(
        url,
        data=post.model_dump_json().encode(),
        headers={"Content-Type": "application/json", "User-Agent": "stratos"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS):
            return True
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        said = getattr(error, "code", None) or type(error).__name__
        logger.warning("webhook failed", extra={"webhook": masked(url), "said": said})
        return False
