"""HTTP requests to the front of a model's server, with a server of ours behind it.

Only the front is asked: no request reaches llama.cpp.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from aiohttp import web

from serving.llama_cpp.process import HOST, free_port
from serving.proxy import proxying
from stratos.errors import StratosError
from tests.fuzz.mutations import mutated, mutated_bytes

_PATIENCE_SECONDS = 20.0
_ANSWERED_SECONDS = 0.3
_AS_BYTES = 0.15
_QUESTION = {
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}],
    "max_tokens": 16,
    "temperature": 0.5,
    "stream": False,
    "tools": [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}],
}
_HEADERS = (
    ("Host", "127.0.0.1"),
    ("Connection", "close"),
    ("Content-Type", "application/json"),
    ("Accept", "application/json"),
    ("X-Amzn-SageMaker-Custom-Attributes", "trace=1"),
)
_ODD_HEADERS = (
    ("Transfer-Encoding", "chunked"),
    ("Content-Length", "5"),
    ("Content-Length", "99999999999999999999"),
    ("Content-Length", "-1"),
    ("Expect", "100-continue"),
    ("Connection", "close"),
    ("Connection", "Upgrade"),
    ("Content-Encoding", "gzip"),
    ("Origin", "https://example.org"),
    ("Origin", "null"),
    ("Host", "example.org"),
    ("Authorization", "Bearer another"),
    ("Cookie", "a=b"),
    ("Range", "bytes=0-"),
    ("X-Long", "x" * 7_000),
    ("X-Longer", "x" * 70_000),
    ("X-Odd", "\x7f\xff"),
    ("X Bad", "1"),
)
_PATHS = ("/ping", "/invocations", "/v1/models", "/", "//", "/../x", "/%00", "/a?b=%zz", "*", "/é",
          "/invocations?x=" + "y" * 9_000, "http://example.org/x", "/ping#x")  # fmt: skip


class RequestRefused(StratosError):
    """The front answered that a request is none, or closed the connection."""


@dataclass(frozen=True)
class Request:
    """A request before it is written; `raw` in place of it where its bytes were changed."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    raw: bytes | None = None

    def written(self) -> bytes:
        if self.raw is not None:
            return self.raw
        headers = self.headers
        if not {name for name, _ in headers} & {"Content-Length", "Transfer-Encoding"}:
            headers = (*headers, ("Content-Length", str(len(self.body))))
        body = self.body
        if ("Transfer-Encoding", "chunked") in headers:
            body = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{n}: {v}" for n, v in headers)]
        return "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + body


class Requests:
    """Requests as SageMaker sends them, and what anybody may send who reaches the port."""

    name = "server"
    inputs_per_process = None

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._faults: list[str] = []
        self._loop.set_exception_handler(lambda _, told: self._faults.append(str(told)))
        self._open = AsyncExitStack()
        self._port = free_port()
        self._loop.run_until_complete(self._start())

    def parents(self) -> Sequence[Request]:
        asked = json.dumps(_QUESTION).encode()
        plain = Request("POST", "/invocations", _HEADERS, asked)
        return [
            plain,
            Request("GET", "/ping", _HEADERS[:2], b""),
            replace(plain, headers=(*_HEADERS, ("Transfer-Encoding", "chunked"))),
            replace(plain, path="/v1/chat/completions?x=1", body=asked[:-1] + b', "stream": true}'),
        ]

    def mutate(self, parent: Request, chance: random.Random) -> Request:
        if chance.random() < _AS_BYTES:
            return replace(parent, raw=mutated_bytes(parent.written(), chance))
        found = parent
        for _ in range(chance.choice((1, 1, 2, 3))):
            found = _changed(found, chance)
        return found

    def size(self, given: Request) -> int:
        return len(given.written())

    def run(self, given: Request) -> None:
        self._faults.clear()
        answer = self._loop.run_until_complete(self._ask(given.written()))
        assert not self._faults, self._faults
        status = answer.partition(b"\r\n")[0]
        if not status.startswith(b"HTTP/1.1 "):
            raise RequestRefused(f"closed: {status[:80]!r}")
        code = int(status.split()[1])
        # 502 is told of a path that is no path of the server behind it.
        assert code not in (500, 504), answer[:500]
        if code != 200:
            raise RequestRefused(status.decode("latin-1"))

    def close(self) -> None:
        self._loop.run_until_complete(self._open.aclose())
        self._loop.close()

    async def _start(self) -> None:
        runner = web.ServerRunner(web.Server(_answer, access_log=None, auto_decompress=False))
        await runner.setup()
        self._open.push_async_callback(runner.cleanup)
        behind = free_port()
        await web.TCPSite(runner, HOST, behind).start()
        key = {"Authorization": "Bearer mine"}
        front = proxying(f"http://{HOST}:{behind}", HOST, self._port, headers=key, drain_seconds=1)
        await self._open.enter_async_context(front)

    async def _ask(self, request: bytes) -> bytes:
        """Send bytes and read to the end; say that there are no more if nothing comes."""
        reader, writer = await asyncio.open_connection(HOST, self._port)
        try:
            writer.write(request)
            answer = asyncio.ensure_future(reader.read())
            await asyncio.wait((answer,), timeout=_ANSWERED_SECONDS)
            if not answer.done():  # it waits for more
                writer.write_eof()
            return await asyncio.wait_for(answer, _PATIENCE_SECONDS)
        except ConnectionError as error:
            return f"{type(error).__name__}".encode()
        finally:
            writer.close()


async def _answer(request: web.BaseRequest) -> web.StreamResponse:
    """As a server that is given the key: what came, as JSON."""
    assert request.headers.getall("Authorization") == ["Bearer mine"]
    body = await request.content.read()
    return web.json_response({"asked": f"{request.method} {request.path}", "bytes": len(body)})


def _changed(one: Request, chance: random.Random) -> Request:
    match chance.randrange(8):
        case 0:
            odd = ("GET", "PUT", "post", "OPTIONS", "TRACE", "CONNECT", "P\x00ST", "")
            return replace(one, method=chance.choice(odd))
        case 1:
            return replace(one, path=chance.choice(_PATHS))
        case 2:
            return replace(one, headers=(*one.headers, chance.choice(_ODD_HEADERS)))
        case 3 if one.headers:
            return replace(one, headers=one.headers[1:])
    return replace(one, body=_other_body(one.body, chance))


def _other_body(body: bytes, chance: random.Random) -> bytes:
    try:
        tree = mutated(json.loads(body), chance)
        return json.dumps(tree).encode()
    except (ValueError, RecursionError):
        return mutated_bytes(body, chance)
