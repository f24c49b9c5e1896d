"""Many requests to a llama.cpp server on this machine, several at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import urllib3

from serving.llama_cpp.process import LlamaServer, ServerFailed

_SHOWN_CHARACTERS = 500
_LOOK_SECONDS = 0.5
"""Between two looks at whether to stop."""


@dataclass(frozen=True)
class EngineAnswer:
    """What the server said to one request."""

    status: int
    body: Any

    @property
    def shown(self) -> str:
        return f"HTTP {self.status}: {json.dumps(self.body)[:_SHOWN_CHARACTERS]}"


def answers(
    server: LlamaServer,
    path: str,
    bodies: Sequence[Mapping[str, object]],
    *,
    at_once: int,
    stop: Callable[[], bool],
) -> Iterator[tuple[int, EngineAnswer]]:
    """POST each body and yield its answer with its index, as soon as it is there.

    Once `stop` is true the server is ended: an answer may be minutes away.

    Raises:
        ServerFailed: it has ended, or does not answer; the message holds the end of its log.
    """
    http = urllib3.PoolManager(maxsize=at_once, timeout=None, retries=False)

    def ask(body: Mapping[str, object]) -> EngineAnswer:
        try:
            response = http.request("POST", server.url + path, json=dict(body))
            return EngineAnswer(response.status, json.loads(response.data))
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            server.require_alive()
            raise ServerFailed(
                f"llama.cpp broke off an answer ({type(error).__name__}: {error}). "
                f"Its log ends: {server.tail()}"
            ) from error

    pending: dict[Future[EngineAnswer], int] = {}
    left = iter(range(len(bodies)))
    with ThreadPoolExecutor(at_once) as pool:
        try:
            while not stop():
                while len(pending) < at_once and (index := next(left, None)) is not None:
                    pending[pool.submit(ask, bodies[index])] = index
                if not pending:
                    return
                done, _ = wait(pending, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    yield pending.pop(future), future.result()
        finally:
            if pending:
                server.stop()
            http.clear()
