"""Addresses that are told of runs, as the command line stores them and a function reads them.

An address lets whoever has it post, so they are kept as a secret.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from stratos.frozen import FrozenModel

_LONGEST_LABEL = 63
"""Of what stands between the dots of a host's name."""
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


def why_not_asked(url: str) -> str | None:
    """Why nothing could be posted to an address; None if it can.

    This is looked at when one is added. Those that are stored are taken as they are, so that an odd
    one keeps no other from being told.
    """
    if not (url.isascii() and url.isprintable()) or " " in url:
        return "has characters that no address has; write them as %XX, a host's as xn--…"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        return f"is no address: {error}"
    if not (":" in host or _is_name(host)):
        return "names no host"
    return None


def _is_name(host: str) -> bool:
    labels = host.removesuffix(".").split(".")
    return all(0 < len(label) <= _LONGEST_LABEL for label in labels)


def masked(url: str) -> str:
    """An address as it may be shown: its host, and the end by which one knows it again."""
    parts = urlsplit(url)
    end = (parts.path + parts.query)[-4:] if len(parts.path + parts.query) > 8 else ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…{end}"
