"""`stratos ui` on a port of this machine, as long as a test needs it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from stratos.ui.door import HOST, Door


@contextmanager
def served(make: Callable[[Door], ASGIApp]) -> Iterator[Door]:
    """An application behind a door of its own; it answers as soon as this is entered."""
    listening = socket.socket()
    listening.bind((HOST, 0))
    listening.listen()
    door = Door(listening.getsockname()[1])
    config = uvicorn.Config(
        make(door), log_level="critical", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
