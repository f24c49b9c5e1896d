"""Requests to a llama.cpp server on this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import urllib3

from serving.llama_cpp.process import LlamaServer, ServerFailed

_SHOWN_CHARACTERS = 500


@dataclass(frozen=True)
class EngineAnswer:
    """What the server said to one request."""

    status: int
    body: Any

    @property
    def shown(self) -> str:
        return f"HTTP {self.status}: {json.dumps(self.body)[:_SHOWN_CHARACTERS]}"


class LlamaClient:
    """Asks one server, from any thread. A context manager: its connections end with it."""

    def __init__(self, server: LlamaServer, *, at_once: int = 1) -> None:
        self._server = server
        # An answer takes as long as it takes: the server's end is what is looked for.
        self._http = urllib3.PoolManager(maxsize=at_once, timeout=None, retries=False)

    def __enter__(self) -> LlamaClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.clear()

    def post(self, path: str, body: Mapping[str, object]) -> EngineAnswer:
        """Ask once, whatever the status of the answer.

        Raises:
            ServerFailed: it has ended, or does not answer; the message holds the end of its log.
        """
        try:
            response = self._http.request(
                "POST", self._server.url + path, json=dict(body), headers=self._server.headers
            )
            return EngineAnswer(response.status, json.loads(response.data))
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            self._server.require_alive()
            raise ServerFailed(
                f"llama.cpp broke off an answer ({type(error).__name__}: {error}). "
                f"Its log ends: {self._server.tail()}"
            ) from error
