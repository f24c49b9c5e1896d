"""`python -m serving`: SageMaker's container contract. SIGTERM drains, then ends with 0."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette

from serving.app import ChatServer
from serving.engine import Engine
from serving.loader import ModelFolderError, load_model
from serving.settings import ServerSettings, SettingsError

logger = logging.getLogger("serving")


def main() -> int:
    started = time.monotonic()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # uvicorn drains on SIGTERM and then raises it again; that is a normal end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        settings = ServerSettings.from_environment()
        loaded = load_model(settings.model_dir, settings.model_name)
        listener = socket.create_server((settings.bind_host, settings.port), backlog=2048)
    except (SettingsError, ModelFolderError, OSError) as error:
        logger.error("cannot serve: %s", error)
        return 1
    engine = Engine(
        loaded.model,
        eos_token_ids=loaded.eos_token_ids,
        max_tokens=min(loaded.max_tokens, settings.max_context),
        num_slots=settings.num_slots,
        max_waiting=settings.max_waiting,
    )
    app = ChatServer(loaded, engine, settings).app()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        host, port = listener.getsockname()[:2]
        seconds = time.monotonic() - started
        logger.info("%s is ready on %s:%d after %.2f s", loaded.name, host, port, seconds)
        yield
        engine.drain(settings.drain_seconds)

    app.router.lifespan_context = lifespan
    config = uvicorn.Config(app, access_log=False, timeout_graceful_shutdown=settings.drain_seconds)
    uvicorn.Server(config).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
