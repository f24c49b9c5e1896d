"""`stratos ui`: a page on this machine that shows runs, until Ctrl-C."""

from __future__ import annotations

import errno
import socket
import sys
import threading
import webbrowser
from contextlib import ExitStack
from typing import Annotated

import typer
import uvicorn

from stratos.ui.application import make_application
from stratos.ui.door import HOST, HOST_IPV6, Door
from stratos.ui.redirect_file import redirect_file
from stratos.ui.settings import UiSettings
from stratos.ui.shared_stack import SharedStack

_NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""What a machine without IPv6 says."""


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
    plain_address: Annotated[
        bool,
        typer.Option(
            "--plain-address",
            help="Be called 127.0.0.1, for a browser that does not know names below localhost. "
            "Other servers on 127.0.0.1 that the browser visits are then sent the page's cookie.",
        ),
    ] = False,
) -> None:
    """Look at runs in a browser on this machine, until Ctrl-C.

    Shows what is deployed, live: runs, one run's states, plans, curves, samples, gates and bill,
    two runs side by side, and a playground. It answers this machine alone, whoever has the address
    that it prints; the address works once. It decides nothing about models unless you allow it;
    what you ask in the playground is asked, and may cost money.
    """
    try:
        settings = UiSettings(allow_writes, teacher_url, untuned_url)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    listening = _listen(port)
    door = Door(listening[0].getsockname()[1], HOST if plain_address else None)
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
    with ExitStack() as closing:
        if open_browser:
            leads = closing.enter_context(redirect_file(door.url))
            threading.Thread(target=webbrowser.open, args=(leads,), daemon=True).start()
        uvicorn.Server(config).run(sockets=listening)


def _listen(port: int) -> list[socket.socket]:
    """Sockets on all loopback addresses; connections wait in them until the server answers.

    On all, so that no other user of this machine answers to the server's name at one of them.

    Raises:
        typer.BadParameter: somebody else has the port.
    """
    listening: list[socket.socket] = []
    try:
        listening.append(_bound(socket.AF_INET, HOST, port))
        port = listening[0].getsockname()[1]
        listening.append(_bound(socket.AF_INET6, HOST_IPV6, port))
    except OSError as error:
        if listening and error.errno in _NO_IPV6:
            return listening
        for one in listening:
            one.close()
        raise typer.BadParameter(
            f"port {port} cannot be used: {error}. Give another one, or none for a free one",
            param_hint="--port",
        ) from error
    return listening


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    listening = socket.socket(family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening
