"""A local server that speaks OpenAI's chat-completions schema and breaks it on purpose."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def chat_completion(text: str, *, finish_reason: str = "stop") -> dict[str, Any]:
    said = says({"content": text}, finish_reason)
    usage = {"prompt_tokens": 10, "completion_tokens": len(text.split()), "total_tokens": 0}
    return said | {"usage": usage}


def says(message: dict[str, Any], finish_reason: str | None = "stop") -> dict[str, Any]:
    """A chat completion with this message, of 10 and 3 tokens."""
    choice = {"index": 0, "message": {"role": "assistant"} | message}
    return {
        "object": "chat.completion",
        "choices": [choice | {"finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13},
    }


class MisbehavingServer:
    """Answers the n-th call of a question by the n-th of its behaviours, then well.

    Attributes:
        seen: Bodies and headers of all calls, in order of arrival.
        targets: Paths and queries of the same calls.
        dripped: Set once a body has dripped.
    """

    def __init__(self) -> None:
        self.behaviours: dict[str, list[Callable[[BaseHTTPRequestHandler], None]]] = {}
        self.seen: list[tuple[dict[str, Any], dict[str, str]]] = []
        self.targets: list[str] = []
        self.released, self.dripped = threading.Event(), threading.Event()
        self._lock = threading.Lock()

    def next_behaviour(self, body: dict[str, Any]) -> Callable[[BaseHTTPRequestHandler], None]:
        question = body["messages"][-1]["content"]
        with self._lock:
            waiting = self.behaviours.get(question, [])
            if waiting:
                return waiting.pop(0)
        return reply(chat_completion(f"answer to {question}"))

    @contextmanager
    def running(self) -> Iterator[str]:
        """Serve on a free port and yield the base URL."""
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with owner._lock:
                    owner.seen.append((body, dict(self.headers)))
                    owner.targets.append(self.path)
                owner.next_behaviour(body)(self)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            self.released.set()
            server.shutdown()
            thread.join()
            server.server_close()

    def slow(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer only when the server ends."""
        self.released.wait(600)
        handler.close_connection = True

    def drip(self, handler: BaseHTTPRequestHandler) -> None:
        """Send a byte of the body at a time, for as long as anybody reads."""
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        self._trickle(handler)

    def drip_headers(self, handler: BaseHTTPRequestHandler) -> None:
        """Send a byte of a header at a time."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
        self._trickle(handler)

    def _trickle(self, handler: BaseHTTPRequestHandler) -> None:
        with suppress(OSError):
            while not self.released.wait(0.01):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                self.dripped.set()
        handler.close_connection = True


def reply(
    content: Any, status: int = 200, **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    def send(handler: BaseHTTPRequestHandler) -> None:
        data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return send


def flood(handler: BaseHTTPRequestHandler) -> None:
    """Send a body that never ends, in chunks."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    with suppress(OSError):
        while True:
            handler.wfile.write(b"1000\r\n" + b" " * 0x1000 + b"\r\n")
    handler.close_connection = True


def truncated(handler: BaseHTTPRequestHandler) -> None:
    """Promise 500 bytes, send a few, and hang up."""
    handler.send_response(200)
    handler.send_header("Content-Length", "500")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


def hung_up(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without a word."""
    handler.close_connection = True


class JudgingServer(MisbehavingServer):
    """Finds an answer right if it says please; `scripted` replies come first."""

    def __init__(self) -> None:
        super().__init__()
        self.scripted: list[Callable[[BaseHTTPRequestHandler], None]] = []

    def next_behaviour(self, body: dict[str, Any]) -> Callable[[BaseHTTPRequestHandler], None]:
        if self.scripted:
            return self.scripted.pop(0)
        polite = "please" in json.loads(body["messages"][-1]["content"])["answer"]
        return verdict({"reason": "as it is", "correct": polite})


def verdict(content: Any) -> Callable[[BaseHTTPRequestHandler], None]:
    text = content if isinstance(content, str) else json.dumps(content)
    return reply(chat_completion(text))
