"""What stands between a browser and every page: host, origin, session, and what a page may load.

A page of another site may make a browser ask this server, whose address is easy to guess. It gets
nothing: the name must be a loopback one (DNS can point any other name here), a foreign origin is
refused, and without the session's cookie there is no page.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
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


class PageGuard:
    """ASGI middleware that refuses whoever may not ask."""

    def __init__(self, app: ASGIApp, door: Door, refuse: Callable[[Fault], Response]) -> None:
        self._app, self._door, self._refuse = app, door, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._answer(Request(scope)) or self._app
        await answer(scope, receive, send_with_headers)

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
        if (host := request.headers.get("host", "")) not in self._door.hosts:
            return Fault(
                421,
                "Another name",
                f"This server is called {self._door.hosts[0]}; it was asked as {host!r}.",
            )
        origin, own = request.headers.get("origin"), f"http://{host}"
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
        answer = RedirectResponse("/", status_code=303)
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
