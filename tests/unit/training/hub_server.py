"""A stand-in for the Hugging Face Hub: one repository, which a token opens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "a" * 40
GOOD_TOKEN, OTHER_TOKEN = "hf_good", "hf_other"


@contextmanager
def gated_hub(repository: str, files: Mapping[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """Serve a gated repository with one commit, also as branch `main`.

    Weights are given by another server, to which a redirect leads, as the Hub's are.

    Yields:
        The URL, and the paths that are asked for as they come; those of the other server with the
        token that came along.
    """
    asked: list[str] = []

    class Elsewhere(_Handler):
        def answer(self, *, body: bool) -> None:
            asked.append(f"elsewhere {self.path} {self.headers.get('Authorization')}")
            self.file(files[self.path.lstrip("/")], body)

    elsewhere = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)

    class Handler(_Handler):
        def answer(self, *, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            asked.append(path)
            known = {COMMIT, "main"}
            if path.startswith(f"/api/models/{repository}/revision/"):
                found = path.rsplit("/", 1)[-1] in known
                told = {"id": repository, "sha": COMMIT, "siblings": []}
                return self.json(told, body) if found else self.refuse(404, "RevisionNotFound")
            if path.startswith(f"/api/models/{repository}/tree/"):
                return self.json(_tree(files), body)
            prefix = f"/{repository}/resolve/{COMMIT}/"
            if path.startswith(prefix) and path.removeprefix(prefix) in files:
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                if token != GOOD_TOKEN:
                    return self.refuse(403 if token else 401, "GatedRepo")
                if path.endswith(".safetensors"):
                    there = f"http://127.0.0.1:{elsewhere.server_port}"
                    return self.lead(there, path.removeprefix(prefix), files)
                return self.file(files[path.removeprefix(prefix)], body)
            return self.refuse(401, "RepoNotFound")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    servers = (server, elsewhere)
    threads = [Thread(target=one.serve_forever, daemon=True) for one in servers]
    for thread in threads:
        thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        for one, thread in zip(servers, threads, strict=True):
            one.shutdown()
            one.server_close()
            thread.join()


def _tree(files: Mapping[str, bytes]) -> list[dict[str, object]]:
    return [
        {"type": "file", "path": path, "size": len(content), "oid": _etag(content)}
        for path, content in files.items()
    ]


def _etag(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    def answer(self, *, body: bool) -> None:
        raise NotImplementedError

    def do_GET(self) -> None:
        self.answer(body=True)

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def json(self, value: object, body: bool) -> None:
        self._send(200, json.dumps(value).encode(), body, {"Content-Type": "application/json"})

    def file(self, content: bytes, body: bool) -> None:
        self._send(200, content, body, {"ETag": f'"{_etag(content)}"', "X-Repo-Commit": COMMIT})

    def lead(self, there: str, name: str, files: Mapping[str, bytes]) -> None:
        """To a file on another server, saying what it will be."""
        content = files[name]
        headers = {
            "Location": f"{there}/{name}",
            "X-Linked-ETag": f'"{_etag(content)}"',
            "X-Linked-Size": str(len(content)),
            "X-Repo-Commit": COMMIT,
        }
        self._send(302, b"", False, headers)

    def refuse(self, status: int, code: str) -> None:
        self._send(status, b"", False, {"X-Error-Code": code})

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _send(self, status: int, content: bytes, body: bool, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)
