"""The pages that only read: runs, one run, two side by side, what its teacher wrote, its logs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from stratos.cli.logs import lines_of
from stratos.cli.runs import find_run, list_hosting, read_object, usd_per_month
from stratos.cli.samples import read_page
from stratos.cli.stack import Stack
from stratos.contracts.bucket import RunKeys
from stratos.contracts.run import RunRow
from stratos.errors import RunNotFound
from stratos.pipeline.summary import RunSummary
from stratos.ui.comparison import compared
from stratos.ui.run_facts import RunNow, RunReader
from stratos.ui.run_page import run_view
from stratos.ui.shared_stack import SharedStack
from stratos.ui.so_far import find_probes
from stratos.ui.templates import Templates

RUNS_A_PAGE = 25
LINES_SHOWN = 500
LOG_STATES = ("inspect", "probe", "synthesize", "distill", "evaluate", "endpoint")
_REPORT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""A report is one file with its style in it; it may run nothing and ask nobody."""


@dataclass(frozen=True)
class RunLine:
    """A run in the list of runs; money in USD, None where it is not known."""

    row: RunRow
    spent_usd: float | None
    usd_per_month: float | None


class Pages:
    """Handlers of GET requests."""

    def __init__(
        self, account: SharedStack, templates: Templates, clock: Callable[[], datetime]
    ) -> None:
        self._account, self.templates, self._clock = account, templates, clock
        self._reader = RunReader()

    def runs(self, request: Request) -> Response:
        return self.templates.page("runs", **self._listed(request))

    def live_runs(self, request: Request) -> Response:
        return self.templates.page("_runs", **self._listed(request))

    def run(self, request: Request) -> Response:
        return self.templates.page("run", **self._view(request))

    def live_now(self, request: Request) -> Response:
        run = self._reader.now(self._account.stack(), request.path_params["run_id"], self._clock())
        return self.templates.page("_now", run=run, row=run.row)

    def live_facts(self, request: Request) -> Response:
        return self.templates.page("_facts", **self._view(request))

    def compare(self, request: Request) -> Response:
        """Two runs side by side; with fewer named, the list to choose from."""
        stack = self._account.stack()
        named = list(dict.fromkeys(filter(None, request.query_params.getlist("run"))))
        rows = list_hosting(stack)
        if len(named) != 2:
            told = None if len(named) < 2 else f"{len(named)} runs were chosen; choose two"
            return self.templates.page("choose", rows=rows, named=named, told=told)
        sides = [self._facts(stack, run_id) for run_id in named]
        return self.templates.page("compare", rows=rows, named=named, **compared(sides))

    def samples(self, request: Request) -> Response:
        stack, run_id = self._account.stack(), request.path_params["run_id"]
        row = find_run(stack, run_id)
        kind = request.query_params.get("kind", "kept")
        reason = request.query_params.get("reason") or None
        number = request.query_params.get("page", "1")
        page = max(1, int(number)) if number.isdecimal() else 1
        shown = read_page(stack, run_id, rejected=kind == "rejected", reason=reason, page=page)
        return self.templates.page("samples", row=row, shown=shown, kind=kind, reason=reason)

    def logs(self, request: Request) -> Response:
        stack, row = self._account.stack(), self._row(request)
        state = request.query_params.get("state")
        lines = lines_of(stack, row, state, 0)[-LINES_SHOWN:] if state in LOG_STATES else None
        return self.templates.page("logs", row=row, state=state, states=LOG_STATES, lines=lines)

    def report(self, request: Request) -> Response:
        row = self._row(request)
        text = read_object(self._account.stack(), RunKeys(row.run_id).report)
        if text is None:
            raise RunNotFound(f"run {row.run_id} is {row.status}; it has no report yet")
        return HTMLResponse(text, headers={"Content-Security-Policy": _REPORT_POLICY})

    def facts(self, request: Request) -> tuple[Stack, RunNow, RunSummary, bool]:
        """The run that a request names: where it is, what it came to, and whether it is over."""
        stack = self._account.stack()
        return (stack, *self._facts(stack, request.path_params["run_id"]))

    def _view(self, request: Request) -> dict[str, Any]:
        stack, run, summary, final = self.facts(request)
        return run_view(run, summary, final, find_probes(stack, run.row.run_id))

    def _facts(self, stack: Stack, run_id: str) -> tuple[RunNow, RunSummary, bool]:
        at = self._clock()
        run = self._reader.now(stack, run_id, at)
        return (run, *self._reader.summary(stack, run, at))

    def _row(self, request: Request) -> RunRow:
        return find_run(self._account.stack(), request.path_params["run_id"])

    def _listed(self, request: Request) -> dict[str, Any]:
        stack = self._account.stack()
        rows = list_hosting(stack)
        number = request.query_params.get("page", "1")
        pages = max(1, -(-len(rows) // RUNS_A_PAGE))
        page = min(pages, max(1, int(number))) if number.isdecimal() else 1
        shown = rows[(page - 1) * RUNS_A_PAGE : page * RUNS_A_PAGE]
        live = [usd for row in rows if (usd := usd_per_month(row)) is not None]
        return {
            "lines": self._lines(stack, shown),
            "page": page,
            "pages": pages,
            "num": len(rows),
            "num_live": len(live),
            "live_usd_per_month": sum(live),
            "running": any(not row.finished for row in rows),
            "stack": stack,
        }

    def _lines(self, stack: Stack, rows: Sequence[RunRow]) -> list[RunLine]:
        with ThreadPoolExecutor(8) as threads:
            reports = list(threads.map(lambda row: self._reader.report(stack, row), rows))
        return [
            RunLine(row, None if found is None else found.total_usd, usd_per_month(row))
            for row, found in zip(rows, reports, strict=True)
        ]
