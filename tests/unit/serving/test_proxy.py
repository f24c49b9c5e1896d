"""The mapping of AWS's image, between a client and a server that says what reached it."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import os
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from serving.llama_cpp.process import HOST, free_port
from serving.proxy import allow_files, most_requests, proxying

KEY = {"Authorization": "Bearer mine"}
PATIENCE = aiohttp.ClientTimeout(total=30)
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def upstream(handler: Handler) -> AsyncIterator[str]:
    server = web.Server(handler, handler_cancellation=True, auto_decompress=False)
    runner = web.ServerRunner(server)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, HOST, port).start()
    try:
        yield f"http://{HOST}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def passing(
    handler: Handler, most_open: int | None = None, key: str = ""
) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of a proxy before such a server."""
    port = free_port()
    async with (
        upstream(handler) as url,
        proxying(url, HOST, port, headers=KEY, drain_seconds=30, key=key, most_open=most_open),
        aiohttp.ClientSession(f"http://{HOST}:{port}", timeout=PATIENCE) as client,
    ):
        yield client


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    seen = {
        "asked": f"{request.method} {request.raw_path}",
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "digest": hashlib.sha256(await request.content.read()).hexdigest(),
    }
    status = 400 if request.path == "/refused" else 200
    return web.json_response(seen, status=status, headers={"X-Seen": "yes"})


@pytest.mark.parametrize(
    ("method", "path", "reached"),
    [
        ("GET", "/ping", "GET /health"),
        ("POST", "/invocations", "POST /v1/chat/completions"),
        ("POST", "/tokenize?add=1&x=%C3%A4", "POST /tokenize?add=1&x=%C3%A4"),
        ("GET", "/v1/models", "GET /v1/models"),
        ("DELETE", "/ping/other", "DELETE /ping/other"),
    ],
)
def test_two_paths_are_mapped_and_all_others_go_through(method, path, reached):
    async def ask() -> Any:
        async with passing(echo) as client, client.request(method, path) as answer:
            return await answer.json()

    assert asyncio.run(ask())["asked"] == reached


def test_bodies_headers_and_refusals_travel_as_they_are():
    body = b"x" * 2_000_000  # beyond every default limit

    async def ask() -> tuple[Any, aiohttp.ClientResponse]:
        headers = {"Content-Type": "application/json", "X-Mine": "1"}
        async with (
            passing(echo) as client,
            client.post("/refused", data=io.BytesIO(body), headers=headers) as answer,
        ):
            return await answer.json(), answer

    seen, answer = asyncio.run(ask())
    assert (answer.status, answer.headers["X-Seen"]) == (400, "yes")
    assert seen["digest"] == hashlib.sha256(body).hexdigest()
    assert seen["headers"]["x-mine"] == "1"
    assert seen["headers"]["authorization"] == KEY["Authorization"]
    assert seen["headers"]["content-length"] == str(len(body))


def test_a_piece_is_passed_on_before_the_next_is_written():
    read = asyncio.Event()

    async def two_pieces(request: web.BaseRequest) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        await reply.write(b"one")
        await read.wait()
        await reply.write(b"two")
        return reply

    async def ask() -> list[bytes]:
        pieces = []
        async with passing(two_pieces) as client, client.post("/invocations") as answer:
            async for piece in answer.content.iter_any():
                pieces.append(piece)
                read.set()
        return pieces

    assert asyncio.run(ask()) == [b"one", b"two"]


def test_an_answer_that_breaks_off_does_not_look_whole():
    async def breaks(request: web.BaseRequest) -> web.StreamResponse:
        reply = web.StreamResponse()
        await reply.prepare(request)
        await reply.write(b"one")
        assert request.transport is not None
        request.transport.abort()
        return reply

    async def ask() -> None:
        async with passing(breaks) as client, client.post("/invocations") as answer:
            await answer.read()

    with pytest.raises(aiohttp.ClientError):
        asyncio.run(ask())


def test_a_client_that_goes_away_ends_its_request_at_the_server():
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def waits(request: web.BaseRequest) -> web.StreamResponse:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    async def ask() -> None:
        async with passing(waits) as client:
            request = asyncio.create_task(client.post("/invocations").__aenter__())
            await begun.wait()
            request.cancel()
            await asyncio.wait_for(cancelled.wait(), 30)

    asyncio.run(ask())
    assert cancelled.is_set()


def test_while_nothing_listens_behind_it_the_answer_is_502():
    async def ask() -> int:
        port = free_port()
        async with (
            proxying(f"http://{HOST}:{free_port()}", HOST, port, headers={}, drain_seconds=30),
            aiohttp.ClientSession(timeout=PATIENCE) as client,
            client.get(f"http://{HOST}:{port}/ping") as answer,
        ):
            return answer.status

    assert asyncio.run(ask()) == 502


def test_whoever_does_not_name_its_key_is_not_answered():
    async def ask(named: dict[str, str]) -> tuple[int, str]:
        async with (
            passing(echo, key="this one") as client,
            client.get("/ping", headers=named) as answer,
        ):
            return answer.status, await answer.text()

    for others in ({}, {"Authorization": "Bearer another"}, {"Authorization": "this one"}):
        assert asyncio.run(ask(others))[0] == 401
    status, seen = asyncio.run(ask({"Authorization": "Bearer this one"}))
    assert status == 200
    assert json.loads(seen)["headers"]["authorization"] == KEY["Authorization"]


def test_beyond_its_requests_a_connection_is_closed_unanswered_and_taken_again_after(caplog):
    begun, release = asyncio.Event(), asyncio.Event()

    async def waits(request: web.BaseRequest) -> web.StreamResponse:
        begun.set()
        await release.wait()
        return web.Response(text="done")

    async def ask() -> list[str]:
        told = []
        async with passing(waits, most_open=1) as client:
            first = asyncio.create_task(client.post("/invocations").__aenter__())
            await begun.wait()
            for _ in range(2):
                with pytest.raises(aiohttp.ClientConnectionError):
                    await client.post("/invocations")
            release.set()
            told.append(await (await first).text())
            async with client.post("/invocations") as answer:
                told.append(await answer.text())
        return told

    assert asyncio.run(ask()) == ["done", "done"]
    [told] = caplog.messages
    assert told.startswith("1 requests and ")
    assert told.endswith(" connections are open: more are closed without an answer")


def test_idle_connections_count_too_once_they_are_twice_as_many_as_requests():
    async def ask() -> list[int]:
        told = []
        async with passing(echo, most_open=1) as client, AsyncExitStack() as idle:
            for _ in range(3):
                another = await idle.enter_async_context(
                    aiohttp.ClientSession(str(client._base_url), timeout=PATIENCE)
                )
                try:
                    async with another.post("/invocations") as answer:
                        told.append(answer.status)
                except aiohttp.ClientConnectionError:
                    told.append(0)
        return told

    assert asyncio.run(ask()) == [200, 200, 0]


def test_as_many_requests_are_taken_as_nginx_has_connections_for():
    assert most_requests() == 512 * len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("before", "after", "enough_for"),
    [
        ((100, 4096), 1664, 512),
        ((100, 500), 500, 124),
        ((100, 130), 130, 1),
        ((4096, 4096), 4096, 512),
        ((100, -1), 1664, 512),
        ((-1, -1), -1, 512),
    ],
)
def test_files_are_allowed_as_far_as_they_are_needed_and_may_be(
    monkeypatch, before, after, enough_for
):
    limits = [before]
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda kind, both: limits.append(both))
    assert allow_files(512) == enough_for
    assert limits[-1] == (after, before[1])


def test_the_end_finishes_what_is_in_flight():
    begun, release = asyncio.Event(), asyncio.Event()

    async def waits(request: web.BaseRequest) -> web.StreamResponse:
        begun.set()
        await release.wait()
        return web.Response(text="whole")

    async def ask() -> str:
        port = free_port()
        async with upstream(waits) as url, aiohttp.ClientSession(timeout=PATIENCE) as client:
            async with proxying(url, HOST, port, headers=KEY, drain_seconds=30):
                asked = asyncio.create_task(client.post(f"http://{HOST}:{port}/invocations"))
                await begun.wait()
                asyncio.get_running_loop().call_soon(release.set)
            answer = await asked
            return await answer.text()

    assert asyncio.run(ask()) == "whole"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://page.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "page.example"},
    ],
)
def test_a_web_page_is_refused_and_nothing_of_it_reaches_the_server(headers):
    reached = []

    async def note(request: web.BaseRequest) -> web.StreamResponse:
        reached.append(request.path)
        return web.Response()

    async def ask() -> tuple[int, str]:
        async with (
            passing(note) as client,
            client.post("/invocations", data=b"{}", headers=headers) as answer,
        ):
            return answer.status, await answer.text()

    status, text = asyncio.run(ask())
    assert (status, reached) == (403, [])
    assert text.endswith("call it from a program")


def test_an_address_with_a_host_of_its_own_is_refused() -> None:
    async def ask(target: str) -> bytes:
        port = free_port()
        async with upstream(echo) as url, proxying(url, HOST, port, headers=KEY, drain_seconds=30):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            try:
                return await asyncio.wait_for(reader.readline(), 30)
            finally:
                writer.close()

    for target in ("http://example.org/x", "*"):
        assert b" 400 " in asyncio.run(ask(target))


def test_a_compressed_body_goes_on_as_it_came() -> None:
    body = gzip.compress(b"{}")

    async def ask() -> Any:
        headers = {"Content-Encoding": "gzip"}
        async with (
            passing(echo) as client,
            client.post("/invocations", data=io.BytesIO(body), headers=headers) as answer,
        ):
            return await answer.json()

    seen = asyncio.run(ask())
    assert seen["digest"] == hashlib.sha256(body).hexdigest()
    assert seen["headers"]["content-encoding"] == "gzip"
