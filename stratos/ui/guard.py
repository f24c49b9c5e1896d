"""What stands between a browser and every page: host, origin, session, and what a page may load.

A page of another site may make a browser ask this server, whose address is easy to guess. It gets
nothing: it must know the name of this server (DNS can point any other name here), a foreign origin
is refused, and without the session's cookie there is no page.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stratos.ui.door import Door
from stratos.ui.faults import Fault

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: with that, a form's Origin is "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer that does not say otherwise itself."""
SAFE_METHODS = ("GET", "HEAD")
_OPEN_FOLDER = "/static/"
"""Style and scripts, which say nothing of any run."""
_ENTERED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Stratos</title>
<meta http-equiv="refresh" content="0; url=/"><p><a href="/">Runs</a></p></html>
"""
"""A page, for a browser that was led here by a file or a link takes no `SameSite=Strict` cookie
along where it is redirected."""


class PageGuard:
    """ASGI middleware that refuses whoever may not ask."""

    def __init__(
        self,
        app: ASGIApp,
        door: Door,
        refuse: Callable[[Fault], Response],
        explain: Callable[[Request, Exception], Response],
    ) -> None:
        """Set up.

        Args:
            explain: Makes a page of an error that nothing within has caught.
        """
        self._app, self._door, self._refuse, self._explain = app, door, refuse, explain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        request = Request(scope)
        try:
            answer = self._answer(request) or self._app
            await answer(scope, receive, send_with_headers)
        except Exception as error:
            if begun:
                raise
            await self._explain(request, error)(scope, receive, send_with_headers)

    def _answer(self, request: Request) -> Response | None:
        """What is said instead of a page; None to whoever may have the page."""
        if (fault := self._fault(request)) is not None:
            return self._refuse(fault)
        if request.url.path == "/enter":
            return self._enter(request)
        if request.url.path.startswith(_OPEN_FOLDER):
            return None
        if not self._door.knows(request.cookies.get(self._door.cookie)):
            return self._refuse(_outside())
        return None

    def _fault(self, request: Request) -> Fault | None:
        if (host := request.headers.get("host", "")) != self._door.authority:
            # Without its own name, which whoever asks by another one may not know.
            text = f"This server answers to the address that it printed, not to {host!r}."
            return Fault(421, "Another name", text)
        origin, own = request.headers.get("origin"), self._door.origin
        changes = request.method not in SAFE_METHODS
        if origin is None and changes:
            return _foreign("a request that does not say which page it comes from")
        if origin is not None and origin != own:
            return _foreign(f"a page of {origin}")
        site = request.headers.get("sec-fetch-site", "same-origin")
        travels = request.headers.get("sec-fetch-mode") == "navigate"
        if site not in ("same-origin", "none") and (changes or not travels):
            return _foreign("a page of another site")
        return None

    def _enter(self, request: Request) -> Response:
        known = self._door.knows(request.cookies.get(self._door.cookie))
        if not known and not self._door.opens(request.query_params.get("token", "")):
            return self._refuse(_outside())
        answer = HTMLResponse(_ENTERED)
        answer.set_cookie(
            self._door.cookie, self._door.session, httponly=True, samesite="strict", path="/"
        )
        return answer


def _foreign(who: str) -> Fault:
    return Fault(403, "Refused", f"{who[0].upper()}{who[1:]} may not ask this server.")


def _outside() -> Fault:
    return Fault(
        403,
        "Open the address that was printed",
        "This page belongs to whoever started it. The address with its token works once, in one "
        "browser. For another one, start the page again.",
        command="stratos ui",
    )
