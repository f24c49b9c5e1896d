"""One POST that ends: its time in all, its size and a stop from outside have limits.

A socket's own time-out begins anew with every byte, so a body that drips outlasts it.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
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
    """The host has an address of a private network, and no connection was opened."""


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
    connection = _connection(url)
    reply: http.client.HTTPResponse | None = None
    try:
        connection.sock = _connected(url, min(bounds.seconds, _CONNECT_SECONDS), private)
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
    except (OSError, http.client.HTTPException) as error:
        told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        ran_out = reply is not None and isinstance(error, TimeoutError)
        raise NoReply(told, began=ran_out or _is_ok(reply)) from error
    except ValueError as error:
        # Its words quote the header that cannot be sent, and so a key.
        raise NoReply(type(error).__name__, began=_is_ok(reply)) from None
    finally:
        if reply is not None:
            reply.close()
        connection.close()


def _is_ok(reply: http.client.HTTPResponse | None) -> bool:
    return reply is not None and reply.status == http.client.OK


def _connected(url: SplitResult, seconds: float, private: bool) -> socket.socket:
    """A socket to one of the host's addresses, which were looked up once and looked at before.

    Args:
        seconds: For each address.
    """
    host, is_https = url.hostname or "", url.scheme != "http"
    port = url.port or (http.client.HTTPS_PORT if is_https else http.client.HTTP_PORT)
    addresses = _addresses(host, port)
    if not private:
        _require_public(host, addresses)
    sock = _first_to_answer([(address, port) for address in addresses], seconds)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return _trusted().wrap_socket(sock, server_hostname=host) if is_https else sock
    except BaseException:
        sock.close()
        raise


def _addresses(host: str, port: int) -> list[str]:
    """All that a name leads to, the preferred one first."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


def _require_public(host: str, addresses: Sequence[str]) -> None:
    """Looked at before anything is opened: an error of a connection would tell what listens."""
    for address in addresses:
        here = is_loopback(host) and is_loopback(address)
        if is_private(address) and not here:
            raise PrivateAddress(f"{host} has the address {address}, {within_a_network(host)}")


def _first_to_answer(places: Sequence[tuple[str, int]], seconds: float) -> socket.socket:
    for number, place in enumerate(places, 1):
        try:
            return socket.create_connection(place, seconds)
        except OSError:
            if number == len(places):
                raise
    raise OSError("the host has no address")


def _connection(url: SplitResult) -> http.client.HTTPConnection:
    """What writes requests; it opens no socket of its own."""
    host = url.hostname or ""
    if url.scheme == "http":
        return http.client.HTTPConnection(host, url.port)
    return http.client.HTTPSConnection(host, url.port, context=_trusted())


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
