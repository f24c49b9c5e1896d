"""Webhooks: the addresses that the stack's secret holds, and what they are told."""

from __future__ import annotations

import http.client
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lambdas.aws.clients import client
from lambdas.aws.settings import settings
from lambdas.step import logger
from stratos.contracts.webhooks import WebhookPost, Webhooks, masked

_PATIENCE_SECONDS = 10.0
_AT_ONCE = 16


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """An answer that points elsewhere is a failure: nobody has named that other address."""

    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def read() -> Webhooks:
    """Those of the stack; none where there is no secret, or it is marked for deletion."""
    secrets = client("secretsmanager")
    try:
        found = secrets.get_secret_value(SecretId=settings().names.webhooks_secret)
    except (
        secrets.exceptions.ResourceNotFoundException,
        secrets.exceptions.InvalidRequestException,
    ):
        return Webhooks()
    return Webhooks.model_validate_json(found["SecretString"])


def tell_all(told: Iterable[tuple[str, WebhookPost]]) -> list[bool]:
    """Post to many at once, so that one that is silent delays no other; which of them took it."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda one: tell(*one), told))


def tell(url: str, post: WebhookPost) -> bool:
    """Post to an address, and return whether it took it. The address itself is not logged."""
    try:
        request = urllib.request.Request(
            url,
            data=post.model_dump_json().encode(),
            headers={"Content-Type": "application/json", "User-Agent": "stratos"},
            method="POST",
        )
        with _opener.open(request, timeout=_PATIENCE_SECONDS):
            return True
    except (OSError, http.client.HTTPException, ValueError) as error:
        # ValueError: what was stored before addresses were checked as they are now.
        said = getattr(error, "code", None) or type(error).__name__
        logger.warning("webhook failed", extra={"webhook": masked(url), "said": said})
        return False
