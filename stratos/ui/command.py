"""`stratos ui`: a page on this machine that shows runs, until Ctrl-C."""

from __future__ import annotations

import socket
import sys
import threading
import webbrowser
from typing import Annotated

import typer
import uvicorn

from stratos.ui.application import make_application
from stratos.ui.door import HOST, Door
from stratos.ui.settings import UiSettings
from stratos.ui.shared_stack import SharedStack


def ui_command(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to answer on; 0 takes a free one.")
    ] = 0,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in a browser.")
    ] = True,
    allow_writes: Annotated[
        bool, typer.Option("--allow-writes", help="Let the page approve and reject models.")
    ] = False,
    teacher_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="A server of OpenAI's chat completions with the teacher in it, for the "
            "playground: http://127.0.0.1:8080/v1",
        ),
    ] = None,
    untuned_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The same with the student as it was before training."),
    ] = None,
) -> None:
    """Look at runs in a browser on this machine, until Ctrl-C.

    Shows what is deployed, live: runs, one run's states, plans, curves, samples, gates and bill,
    two runs side by side, and a playground. It answers this machine alone, whoever has the address
    that it prints; the address works once. It changes nothing unless you allow it.
    """
    try:
        settings = UiSettings(allow_writes, teacher_url, untuned_url)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    listening = _listen(port)
    door = Door(listening.getsockname()[1])
    config = uvicorn.Config(
        make_application(SharedStack(), door, settings),
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        # A browser keeps its connections; Ctrl-C is not to wait for them.
        timeout_graceful_shutdown=1,
    )
    sys.stdout.write(f"{door.url}\nThe address works once, in one browser. Ctrl-C ends the page.\n")
    sys.stdout.flush()
    if open_browser:
        threading.Thread(target=webbrowser.open, args=(door.url,), daemon=True).start()
    uvicorn.Server(config).run(sockets=[listening])


def _listen(port: int) -> socket.socket:
    """A socket on loopback; connections wait in it until the server answers.

    Raises:
        typer.BadParameter: somebody else has the port.
    """
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise typer.BadParameter(
            f"port {port} cannot be used: {error}. Give another one, or none for a free one",
            param_hint="--port",
        ) from error
    listening.listen()
    return listening
