"""`python -m serving`: stands for the entry point of AWS's llama.cpp image on this machine.

It starts llama.cpp's server on an inner port and passes SageMaker's requests on to it. SIGTERM
finishes what is in flight, then ends it with 0. It ends, too, when the server does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from serving.entry import Entry, EntryRefused
from serving.llama_cpp.process import (
    HOST,
    free_port,
    key_header,
    new_api_key,
    server_command,
    server_environment,
)
from serving.proxy import allow_files, most_requests, proxying
from stratos.log_lines import log_to
from stratos.loopback import ENDPOINT_KEY

logger = logging.getLogger("serving")

_DRAIN_SECONDS = 30.0
_STOP_SECONDS = 5.0


def main() -> int:
    log_to(sys.stderr, "%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        return asyncio.run(_serve(Entry.of(os.environ)))
    except (EntryRefused, OSError) as error:
        logger.error("cannot serve: %s", error)
        return 1


async def _serve(entry: Entry) -> int:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    port, key = free_port(), new_api_key()
    own_key = os.environ.pop(ENDPOINT_KEY, "")
    most_open = allow_files(most_requests())
    if most_open < most_requests():
        logger.warning("the limit of open files allows %d requests at once", most_open)
    # Its output is the container's own. It ends when its standard input closes.
    server = await asyncio.create_subprocess_exec(
        *server_command(entry.arguments, port),
        stdin=asyncio.subprocess.PIPE,
        env=server_environment(key),
    )
    ended = asyncio.create_task(server.wait())
    asked = asyncio.create_task(stopped.wait())
    try:
        async with proxying(
            f"http://{HOST}:{port}",
            HOST,
            entry.port,
            headers=key_header(key),
            drain_seconds=_DRAIN_SECONDS,
            key=own_key,
            most_open=most_open,
        ):
            await asyncio.wait((ended, asked), return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                logger.error(
                    "llama-server ended with code %s; its last lines are above", ended.result()
                )
                return 1
            logger.info("shutting down: requests in flight are finished")
        return 0
    finally:
        asked.cancel()
        await _end(server, ended)


async def _end(server: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    if not ended.done():
        server.terminate()
        await asyncio.wait((ended,), timeout=_STOP_SECONDS)
    if not ended.done():
        server.kill()
        await ended


if __name__ == "__main__":
    sys.exit(main())
