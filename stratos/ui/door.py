"""Who may come in: the person who started the server, by the address that it printed."""

from __future__ import annotations

import secrets
import threading

HOST = "127.0.0.1"
"""The one address that is listened on: no other machine can ask."""


class Door:
    """A token that opens once, and the cookie that stands for it from then on.

    The cookie is named after the port: browsers do not keep those of different ports apart.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookie = f"stratos_ui_{port}"
        self.session = secrets.token_urlsafe(32)
        self._token: str | None = secrets.token_urlsafe(32)
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """What a person opens; it works once."""
        return f"{self.origins[0]}/enter?token={self._token}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """What a request may call this server."""
        return f"{HOST}:{self.port}", f"localhost:{self.port}"

    @property
    def origins(self) -> tuple[str, ...]:
        """Pages that may ask: this server's own."""
        return tuple(f"http://{host}" for host in self.hosts)

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
