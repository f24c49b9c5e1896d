"""A local server that speaks OpenAI's chat-completions schema and breaks it on purpose."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def chat_completion(text: str, *, finish_reason: str = "stop") -> dict[str, Any]:
    return {
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": finish_reason,
            }
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": len(text.split()), "total_tokens": 0},
    }


class MisbehavingServer:
    """Answers the n-th call of a question by the n-th of its behaviours, then well.

    Attributes:
        seen: Bodies and headers of all calls, in order of arrival.
    """

    def __init__(self) -> None:
        self.behaviours: dict[str, list[Callable[[BaseHTTPRequestHandler], None]]] = {}
        self.seen: list[tuple[dict[str, Any], dict[str, str]]] = []
        self.released = threading.Event()
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
        self.released.wait(30)
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
