"""Addresses that are told of runs, as the command line stores them and a function reads them.

An address lets whoever has it post, so they are kept as a secret.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from stratos.frozen import FrozenModel

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _checked(url: str) -> str:
    """Refuse an address that is not encrypted on its way, but for one on the same machine."""
    parts = urlsplit(url)
    if not parts.hostname or (
        parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    ):
        raise ValueError(f"{url!r} is no https://… address")
    return url


WebhookUrl = Annotated[str, AfterValidator(_checked)]


class Webhooks(FrozenModel):
    """What is posted to whom."""

    urls: tuple[WebhookUrl, ...] = ()


class WebhookPost(FrozenModel):
    """The JSON that an address gets. Slack and those that take its posts read `text` alone."""

    text: str
    subject: str
    message: str


def masked(url: str) -> str:
    """An address as it may be shown: its host, and the end by which one knows it again."""
    parts = urlsplit(url)
    end = (parts.path + parts.query)[-4:] if len(parts.path + parts.query) > 8 else ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…{end}"
