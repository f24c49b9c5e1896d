"""Who may come in: the person who started the server, by the address that it printed."""

from __future__ import annotations

import secrets
import threading

HOST = "127.0.0.1"
"""Listened on, so that no other machine can ask."""
HOST_IPV6 = "::1"
"""Listened on, too: a browser may take either for a name below `localhost`."""
_HTTP_PORT = 80
"""Which browsers leave out."""


class Door:
    """A token that opens once, and the cookie that stands for it from then on.

    Browsers keep cookies by host, not by port: any other server of 127.0.0.1 would be sent one of
    that name. So the server is called by a name that nobody knows who has not read its address.
    Browsers take every name below `localhost` for this machine.
    https://www.rfc-editor.org/rfc/rfc6761#section-6.3
    """

    def __init__(self, port: int, name: str | None = None) -> None:
        """Set up.

        Args:
            name: Of the server; by default a new one, which cannot be guessed.
        """
        self.cookie = f"stratos_ui_{port}"
        name = name or f"{secrets.token_hex(16)}.localhost"
        self.authority = name if port == _HTTP_PORT else f"{name}:{port}"
        self.origin = f"http://{self.authority}"
        self.session = secrets.token_urlsafe(32)
        self._token: str | None = secrets.token_urlsafe(32)
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """What a person opens; it works once."""
        return f"{self.origin}/enter?token={self._token}"

    def opens(self, token: str) -> bool:
        """Whether the token is the right one and comes for the first time."""
        with self._lock:
            if self._token is None or not _same(token, self._token):
                return False
            self._token = None
            return True

    def knows(self, cookie: str | None) -> bool:
        """Whether a cookie is that of who came in."""
        return cookie is not None and _same(cookie, self.session)


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode(), other.encode())
