"""The web application: which address shows what, and what a fault looks like."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from stratos.errors import StratosError
from stratos.look.pages import stylesheet
from stratos.moment import now
from stratos.ui.deciding import Deciding
from stratos.ui.door import Door
from stratos.ui.faults import Fault, fault_of
from stratos.ui.guard import PageGuard
from stratos.ui.pages import Pages
from stratos.ui.playground import Playground
from stratos.ui.settings import UiSettings
from stratos.ui.shared_stack import SharedStack
from stratos.ui.templates import Templates

LARGEST_BODY_BYTES = 1_000_000
_REFUSALS = {
    404: ("Not found", "There is no such page."),
    405: ("Not this way", "That cannot be asked for this way."),
    413: ("Too long", f"No more than {LARGEST_BODY_BYTES:,} bytes can be sent at once."),
}
_log = logging.getLogger(__name__)


def make_application(
    account: SharedStack,
    door: Door,
    settings: UiSettings,
    clock: Callable[[], datetime] = now,
) -> Starlette:
    """The application behind its guard.

    Args:
        clock: Tells the time, with its offset.
    """
    templates = Templates(settings)
    pages = Pages(account, templates, clock)

    def refuse(fault: Fault) -> Response:
        return templates.fault(fault)

    def explain(request: Request, error: Exception) -> Response:
        fault = fault_of(error)
        if fault.status == 500:
            _log.error("%s %s", request.method, request.url.path, exc_info=error)
        if fault.status == 401:
            account.forget()
        return templates.fault(fault)

    def unknown(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        title, text = _REFUSALS.get(error.status_code, ("Refused", error.detail))
        return templates.fault(Fault(error.status_code, title, text))

    return Starlette(
        routes=_routes(pages, Playground(pages, settings), Deciding(account, settings)),
        middleware=[
            Middleware(PageGuard, door=door, refuse=refuse, explain=explain),
            # Not `max_body_size`, which answers outside of the guard.
            Middleware(RequestBodyLimitMiddleware, max_body_size=LARGEST_BODY_BYTES),
        ],
        exception_handlers={
            HTTPException: unknown,
            StratosError: explain,
            ClientError: explain,
            BotoCoreError: explain,
        },
    )


def _css(text: str) -> Response:
    return Response(text, media_type="text/css")


def _routes(pages: Pages, playground: Playground, deciding: Deciding) -> list[Route | Mount]:
    return [
        Route("/", pages.runs),
        Route("/live/runs", pages.live_runs),
        Route("/compare", pages.compare),
        Route("/runs/{run_id}", pages.run),
        Route("/runs/{run_id}/live/now", pages.live_now),
        Route("/runs/{run_id}/live/facts", pages.live_facts),
        Route("/runs/{run_id}/samples", pages.samples),
        Route("/runs/{run_id}/logs", pages.logs),
        Route("/runs/{run_id}/report.html", pages.report),
        Route("/runs/{run_id}/ask", playground.page),
        Route("/runs/{run_id}/ask", playground.ask, methods=["POST"]),
        Route("/runs/{run_id}/approve", deciding.approve, methods=["POST"]),
        Route("/runs/{run_id}/reject", deciding.reject, methods=["POST"]),
        Route("/static/look.css", lambda request: _css(stylesheet())),
        Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
    ]
