"""Addresses of services in a spec: which can be taken, and the host that one names."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_NAME = re.compile(r"[a-z0-9.-]+")
_UNSEEN = re.compile(r"[\x00-\x20\x7f\\]")
"""What `urlsplit` drops or browsers read otherwise, so that two readers may see two hosts."""


def host_of(url: str) -> str:
    """In lower case, without port."""
    return (urlsplit(url).hostname or "").rstrip(".")


def service_address(url: str) -> str:
    """An address as it is, if every reader finds the same host in it, and nothing but a host.

    A host is shown to people within commands, and decides where secrets are sent.

    Raises:
        ValueError: says what is wrong with it, without a password that may stand in it.
    """
    parts = _split(url)
    if parts.username is not None:
        raise ValueError(
            f"the address at {host_of(url)!r} has a user's name or a password before its host; "
            "leave that out, and keep keys in Secrets Manager"
        )
    if _UNSEEN.search(url):
        raise ValueError(f"{url!r} has a space, a backslash or a control character; leave it out")
    host = host_of(url)
    if not host:
        raise ValueError(f"{url} names no host; write one such as https://api.example.com/v1")
    if not (_NAME.fullmatch(host) or _is_ip(host)):
        raise ValueError(
            f"{host!r} is no host: a name has letters a-z, digits, dots and hyphens only; write "
            "one such as api.example.com, or an IP address"
        )
    return url


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        nowhere = parts.port == 0
    except ValueError as error:
        raise ValueError(f"{url.rpartition('@')[2]} is no URL: {error}") from error
    if nowhere:
        raise ValueError(f"{url.rpartition('@')[2]} is no URL: nothing listens on port 0")
    return parts


def _is_ip(host: str) -> bool:
    """Without a zone, in which anything may stand."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host
