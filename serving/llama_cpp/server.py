"""`python -m serving.llama_cpp.server --model …`: llama.cpp's server, until SIGTERM or an orphan.

It takes `llama-server`'s arguments and prints what `llama-server` prints. It ends when its standard
input closes, so that no server outlives whoever started it.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from typing import NoReturn

import xllamacpp

from serving.llama_cpp.arguments import UnknownArgument, parameters_of
from serving.llama_cpp.process import API_KEY, REASON
from stratos.log_lines import log_to

logger = logging.getLogger("llama-server")


def main() -> int:
    log_to(sys.stderr, "%(name)s: %(message)s")
    try:
        parameters = parameters_of(sys.argv[1:])
        if key := os.environ.pop(API_KEY, ""):
            parameters.api_keys = [key]
    except UnknownArgument as error:
        return _fail(str(error))
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    threading.Thread(target=_await_orphaned, args=(ended,), daemon=True).start()
    try:
        server = xllamacpp.Server(parameters)
    except Exception as error:  # the wheel raises what it likes; the log above says why
        return _fail(f"cannot serve {parameters.model.path}: {error}")
    logger.info("server is listening on %s", server.listening_address)
    ended.wait()
    _leave()


def _fail(reason: str) -> int:
    sys.stderr.write(f"{REASON}{reason}\n")
    return 1


def _await_orphaned(ended: threading.Event) -> None:
    """Standard input closes when the process that started this one is gone."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    ended.set()


def _leave() -> NoReturn:
    # Tearing the native server down waits for requests in flight; who sends SIGTERM has drained.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
