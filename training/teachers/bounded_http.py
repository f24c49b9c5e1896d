"""One POST that ends: its time in all, its size and a stop from outside have limits.

A socket's own time-out begins anew with every byte, so a body that drips outlasts it.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import SplitResult

from stratos.loopback import is_loopback
from stratos.spec.hosts import is_private, within_a_network

_SLICE_SECONDS = 0.25
"""How long a read may be deaf to a stop."""
_CONNECT_SECONDS = 10.0
"""For each address of a host; deaf to a stop, too."""
_CHUNK_BYTES = 65_536


class NoReply(Exception):
    """A call brought no whole reply.

    Attributes:
        began: The service may have worked on an answer, and so ask to be paid.
    """

    def __init__(self, reason: str, *, began: bool = False) -> None:
        super().__init__(reason)
        self.began = began


class TooLarge(NoReply):
    """The reply is larger than any answer can be."""


class PrivateAddress(NoReply):
    """The host's address is of a private network, and nothing was sent there."""


@dataclass(frozen=True)
class HttpReply:
    """A whole reply. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Bounds:
    """What ends a call.

    Attributes:
        seconds: From its beginning to the last byte of its reply.
        ended: Asked at least four times a second while the call waits.
    """

    seconds: float
    max_bytes: int
    ended: Callable[[], bool] = lambda: False


def post(
    url: SplitResult,
    body: bytes,
    headers: Mapping[str, str],
    bounds: Bounds,
    *,
    private: bool = False,
) -> HttpReply:
    """Send a body on a connection of its own and read the reply. No redirect is followed.

    Args:
        private: The host may be within a private network.

    Raises:
        PrivateAddress: it is, and may not.
        NoReply: when there is none, or it is not whole, within the bounds.
    """
    deadline = time.monotonic() + bounds.seconds
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    connection = _connection(url, min(bounds.seconds, _CONNECT_SECONDS))
    reply: http.client.HTTPResponse | None = None
    try:
        connection.connect()
        if not private:
            _require_public(url.hostname or "", connection.sock)
        connection.sock.settimeout(bounds.seconds)
        connection.request("POST", target, body, dict(headers) | {"Connection": "close"})
        source = _Source(connection.sock, deadline, bounds)
        reply = http.client.HTTPResponse(source, method="POST")  # type: ignore[arg-type]
        reply.begin()
        return HttpReply(
            reply.status,
            {name.lower(): value for name, value in reply.getheaders()},
            _body(reply, bounds.max_bytes),
        )
    except (OSError, http.client.HTTPException, ValueError) as error:
        told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        ran_out = reply is not None and isinstance(error, TimeoutError)
        began = ran_out or (reply is not None and reply.status == http.client.OK)
        raise NoReply(told, began=began) from error
    finally:
        if reply is not None:
            reply.close()
        connection.close()


def _require_public(host: str, sock: socket.socket) -> None:
    """A name is looked up only here, so that only now it is known where it leads."""
    address = sock.getpeername()[0]
    if is_private(address) and not is_loopback(host):
        raise PrivateAddress(f"{host} has the address {address}, {within_a_network(host)}")


def _connection(url: SplitResult, seconds: float) -> http.client.HTTPConnection:
    host = url.hostname or ""
    if url.scheme == "http":
        return http.client.HTTPConnection(host, url.port, timeout=seconds)
    return http.client.HTTPSConnection(host, url.port, timeout=seconds, context=_trusted())


@cache
def _trusted() -> ssl.SSLContext:
    """Read once: the certificates of all authorities take longer than a call's own work."""
    return ssl.create_default_context()


def _body(reply: http.client.HTTPResponse, max_bytes: int) -> bytes:
    body = bytearray()
    while chunk := reply.read(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise TooLarge(f"the reply is longer than {max_bytes:,} bytes", began=True)
    if reply.length:
        raise http.client.IncompleteRead(bytes(body[:1]), reply.length)
    return bytes(body)


class _Source(io.RawIOBase):
    """What a response reads from: a socket that looks up from its waiting now and then."""

    def __init__(self, sock: Any, deadline: float, bounds: Bounds) -> None:
        self._sock, self._deadline, self._bounds = sock, deadline, bounds

    def makefile(self, _mode: str) -> io.BufferedReader:
        """As `http.client` asks a socket."""
        return io.BufferedReader(self, _CHUNK_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no whole reply within {self._bounds.seconds:g} s")
            if self._bounds.ended():
                raise TimeoutError("the call was ended before its reply was whole")
            self._sock.settimeout(min(left, _SLICE_SECONDS))
            try:
                received: int = self._sock.recv_into(buffer)
            except TimeoutError:
                continue
            return received
