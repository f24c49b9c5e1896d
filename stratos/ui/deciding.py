"""Approving and rejecting the model of a run that waits for a person."""

from __future__ import annotations

from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from stratos.cli.approval import approve, reject
from stratos.cli.runs import find_run
from stratos.errors import NotAllowed
from stratos.ui.settings import UiSettings
from stratos.ui.shared_stack import SharedStack


class Deciding:
    """What changes a run; only where the server was started for it."""

    def __init__(self, account: SharedStack, settings: UiSettings) -> None:
        self._account, self._settings = account, settings

    async def approve(self, request: Request) -> Response:
        form = await read_form(request)
        return await run_in_threadpool(self._decide, request, form, rejects=False)

    async def reject(self, request: Request) -> Response:
        form = await read_form(request)
        return await run_in_threadpool(self._decide, request, form, rejects=True)

    def _decide(self, request: Request, form: dict[str, str], *, rejects: bool) -> Response:
        run_id, reason = request.path_params["run_id"], form.get("reason", "").strip()
        if not self._settings.allow_writes:
            raise NotAllowed(
                "this page only reads. Start it with `stratos ui --allow-writes`, or decide with "
                f"`stratos {'reject' if rejects else 'approve'} {run_id}`"
            )
        if rejects and not reason:
            raise NotAllowed("a run is rejected for a reason; write one")
        stack = self._account.stack()
        run = find_run(stack, run_id)
        (reject if rejects else approve)(stack, run, reason)
        return RedirectResponse(f"/runs/{run_id}", status_code=303)


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form; of those with one name, the last."""
    body = (await request.body()).decode("utf-8", "replace")
    return {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}
