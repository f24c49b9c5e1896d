"""The way to a llama.cpp server that AWS's image opens with nginx, opened with aiohttp.

`/ping` is the server's `/health`, `/invocations` its `/v1/chat/completions`, and every other path
goes through as it is. Answers are passed on piece by piece as they come. Beyond as many requests as
nginx has connections for, a connection is closed without an answer, as nginx does
(`make bench-overload` holds both to it). It serves programs of this machine: a web page is refused.
"""

from __future__ import annotations

import hmac
import io
import logging
import os
import resource
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from stratos.loopback import refusal

logger = logging.getLogger(__name__)

_PATHS = {"/ping": "/health", "/invocations": "/v1/chat/completions"}
_OF_ONE_CONNECTION = frozenset(
    ("connection", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)
_TIMES = aiohttp.ClientTimeout(total=None, sock_connect=60, sock_read=3600)
"""nginx's in the image: an hour between two pieces of an answer."""
_REQUESTS_PER_CORE = 512
"""nginx has a worker a core with 1,024 connections, and a request takes two."""
_IDLE_SECONDS = 65.0
"""That a caller's connection is kept between two requests: nginx's in the image."""
_CONNECTIONS_PER_REQUEST = 2
"""So many callers' connections, idle ones with them, for each request that is taken at once."""
_FILES_PER_REQUEST, _FILES_BESIDE = _CONNECTIONS_PER_REQUEST + 1, 128
_QUIET_SECONDS = 60.0
"""Between two lines of the log on requests that were not taken."""


def most_requests() -> int:
    """That are open at once, on the cores that this process may use."""
    return _REQUESTS_PER_CORE * len(os.sched_getaffinity(0))


def allow_files(requests: int) -> int:
    """Raise this process's limit of open files, and its children's, to what requests need.

    Returns:
        For how many requests the limit is enough, if it cannot be raised that far.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _FILES_PER_REQUEST * requests + _FILES_BESIDE
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return requests
    return max(1, (soft - _FILES_BESIDE) // _FILES_PER_REQUEST)


@asynccontextmanager
async def proxying(
    upstream: str,
    host: str,
    port: int,
    *,
    headers: Mapping[str, str],
    drain_seconds: float,
    key: str = "",
    most_open: int | None = None,
) -> AsyncIterator[None]:
    """Pass requests on while the context is open; at its end, requests in flight are finished.

    Args:
        upstream: The server's address, without a path.
        headers: Of every request to the server, whatever it came with.
        drain_seconds: How long the end waits for answers.
        key: That a request has to name as a bearer token; empty where it needs none.
        most_open: Requests that are taken at once; `most_requests` where it is None.

    Raises:
        OSError: the port is taken.
    """
    # One connection a request: an idle one would keep one of the server's threads.
    connections = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(
        connector=connections,
        timeout=_TIMES,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    ) as session:
        passing = _Passing(session, upstream, headers, key, most_open or most_requests())
        server = passing.server = web.Server(
            # A compressed body goes on as it came, as nginx passes it.
            passing.answer,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=_IDLE_SECONDS,
        )
        runner = web.ServerRunner(server, shutdown_timeout=drain_seconds)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, backlog=2048).start()
            yield
        finally:
            await runner.cleanup()


class _Passing:
    server: web.Server
    """Whose requests these are."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        upstream: str,
        headers: Mapping[str, str],
        key: str,
        most_open: int,
    ) -> None:
        self._session = session
        self._upstream = upstream
        self._headers = headers
        self._named = f"Bearer {key}".encode() if key else b""
        self._most_open = most_open
        self._open = 0
        self._told_at = -_QUIET_SECONDS

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        most_connections = _CONNECTIONS_PER_REQUEST * self._most_open
        if self._open >= self._most_open or len(self.server.connections) > most_connections:
            self._tell_of_too_many()
            return _broken_off(request)
        self._open += 1
        try:
            return await self._answer(request)
        finally:
            self._open -= 1

    def _tell_of_too_many(self) -> None:
        if time.monotonic() - self._told_at >= _QUIET_SECONDS:
            self._told_at = time.monotonic()
            logger.warning(
                "%d requests and %d connections are open: more are closed without an answer",
                self._open,
                len(self.server.connections),
            )

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if why := refusal({name.lower(): value for name, value in request.headers.items()}):
            return web.Response(status=403, text=f"{why}; call it from a program")
        named = request.headers.get("Authorization", "").encode(errors="replace")
        if self._named and not hmac.compare_digest(named, self._named):
            return web.Response(status=401, text="401 Unauthorized: ask through the cloud's API")
        if not request.raw_path.startswith("/"):
            # An address with a host of its own, which must not become that of the server.
            return web.Response(status=400, text="400 Bad Request: a path begins with /")
        try:
            body = await request.content.read()  # no limit, as in the image
        except (aiohttp.ClientPayloadError, web.RequestPayloadError) as error:
            return web.Response(status=400, text=f"400 Bad Request: {error}")
        try:
            answer = await self._session.request(
                request.method,
                self._url(request),
                headers=self._own(_passed_on(request.headers.items())),
                data=io.BytesIO(body) if body else None,
                allow_redirects=False,
            )
        except TimeoutError:
            return web.Response(status=504, text="504 Gateway Time-out")
        except aiohttp.ClientError as error:
            logger.warning("llama-server does not answer: %s", error)
            return web.Response(status=502, text="502 Bad Gateway")
        async with answer:
            reply = web.StreamResponse(
                status=answer.status,
                reason=answer.reason,
                headers=_passed_on(answer.headers.items()),
            )
            try:
                await reply.prepare(request)
                async for piece in answer.content.iter_any():
                    await reply.write(piece)
                await reply.write_eof()
            except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError, TimeoutError):
                # An answer that breaks off must not look like one that is whole.
                return _broken_off(request, reply)
        return reply

    def _own(self, headers: CIMultiDict[str]) -> CIMultiDict[str]:
        for name, value in self._headers.items():
            headers[name] = value
        return headers

    def _url(self, request: web.BaseRequest) -> URL:
        path, mark, query = request.raw_path.partition("?")
        return URL(self._upstream + _PATHS.get(path, path) + mark + query, encoded=True)


def _broken_off(
    request: web.BaseRequest, reply: web.StreamResponse | None = None
) -> web.StreamResponse:
    """Close a request's connection; what is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return reply or web.Response(status=503)


def _passed_on(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    return CIMultiDict(
        (name, value) for name, value in headers if name.lower() not in _OF_ONE_CONNECTION
    )
