"""The way to a llama.cpp server that AWS's image opens with nginx, opened with aiohttp.

`/ping` is the server's `/health`, `/invocations` its `/v1/chat/completions`, and every other path
goes through as it is. Answers are passed on piece by piece as they come. It serves programs of this
machine: a web page is refused.
"""

from __future__ import annotations

import io
import logging
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


@asynccontextmanager
async def proxying(
    upstream: str, host: str, port: int, *, headers: Mapping[str, str], drain_seconds: float
) -> AsyncIterator[None]:
    """Pass requests on while the context is open; at its end, requests in flight are finished.

    Args:
        upstream: The server's address, without a path.
        headers: Of every request to the server, whatever it came with.
        drain_seconds: How long the end waits for answers.

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
        passing = _Passing(session, upstream, headers)
        server = web.Server(
            # A compressed body goes on as it came, as nginx passes it.
            passing.answer,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
        )
        runner = web.ServerRunner(server, shutdown_timeout=drain_seconds)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, backlog=2048).start()
            yield
        finally:
            await runner.cleanup()


class _Passing:
    def __init__(
        self, session: aiohttp.ClientSession, upstream: str, headers: Mapping[str, str]
    ) -> None:
        self._session = session
        self._upstream = upstream
        self._headers = headers

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if why := refusal({name.lower(): value for name, value in request.headers.items()}):
            return web.Response(status=403, text=f"{why}; call it from a program")
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
            await reply.prepare(request)
            try:
                async for piece in answer.content.iter_any():
                    await reply.write(piece)
            except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError, TimeoutError):
                # An answer that breaks off must not look like one that is whole.
                if request.transport is not None:
                    request.transport.abort()
                return reply
            await reply.write_eof()
        return reply

    def _own(self, headers: CIMultiDict[str]) -> CIMultiDict[str]:
        for name, value in self._headers.items():
            headers[name] = value
        return headers

    def _url(self, request: web.BaseRequest) -> URL:
        path, mark, query = request.raw_path.partition("?")
        return URL(self._upstream + _PATHS.get(path, path) + mark + query, encoded=True)


def _passed_on(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    return CIMultiDict(
        (name, value) for name, value in headers if name.lower() not in _OF_ONE_CONNECTION
    )
