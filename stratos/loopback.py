"""Which HTTP requests to a server of this machine come from its own programs and pages.

A server that listens on the loopback address is out of reach for other machines, not for the web
pages that a browser on this one has open. They can send requests to it: as themselves, which their
`Origin` and `Sec-Fetch-Site` tell, or under a name of their own that resolves to this machine,
which stands in `Host`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

ENDPOINT_KEY = "STRATOS_ENDPOINT_KEY"
"""Variable with the key that requests to a model's server have to name, as a bearer token; other
users of this machine reach its port as well. Without it, there is none, as in AWS's containers."""
_FROM_HERE = frozenset({"same-origin", "none"})
"""`none` is the user's own doing: an address that was typed in, or a bookmark."""


def refusal(headers: Mapping[str, str]) -> str | None:
    """Why a request must not be answered; None where nothing speaks against it.

    Args:
        headers: Of the request, by their names in lower case.
    """
    host = headers.get("host", "")
    if not is_loopback(_name_of(f"//{host}")):
        return f"the request is for {host!r}, which is no name of this machine's loopback address"
    site = headers.get("sec-fetch-site")
    if site is not None and site not in _FROM_HERE:
        return f"the request comes from a web page of another origin ({site})"
    origin = headers.get("origin")
    if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
        return f"the request comes from a web page of {origin!r}"
    return None


def is_loopback(name: str) -> bool:
    """Whether a host's name or address stands for this machine alone, whoever asks for it."""
    if name == "localhost" or name.endswith(".localhost"):
        return True  # https://www.rfc-editor.org/rfc/rfc6761#section-6.3
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _name_of(authority: str) -> str:
    """The host of an authority, without port and brackets; empty where it cannot be read."""
    try:
        return urlsplit(authority).hostname or ""
    except ValueError:
        return ""
