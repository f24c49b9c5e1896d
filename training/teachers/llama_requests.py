"""Many requests to a llama.cpp server on this machine, several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from serving.llama_cpp.client import EngineAnswer, LlamaClient
from serving.llama_cpp.process import LlamaServer

_LOOK_SECONDS = 0.5
"""Between two looks at whether to stop."""


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
    pending: dict[Future[EngineAnswer], int] = {}
    left = iter(range(len(bodies)))
    with LlamaClient(server, at_once=at_once) as client, ThreadPoolExecutor(at_once) as pool:
        try:
            while not stop():
                while len(pending) < at_once and (index := next(left, None)) is not None:
                    pending[pool.submit(client.post, path, bodies[index])] = index
                if not pending:
                    return
                done, _ = wait(pending, timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    yield pending.pop(future), future.result()
        finally:
            if pending:
                server.stop()
