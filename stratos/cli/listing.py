"""`stratos runs`: every run, for a person or a script."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from stratos.cli.options import Json
from stratos.cli.runs import list_hosting, usd_per_month
from stratos.cli.screen import make_console, print_json
from stratos.cli.stack import Stack
from stratos.cli.tables import print_runs
from stratos.contracts.run import RunRow
from stratos.moment import written


def runs_command(json_: Json = False) -> None:
    rows = list_hosting(Stack.find())
    if json_:
        print_json([run_json(row) for row in rows])
    else:
        print_runs(make_console(), rows)


def run_json(row: RunRow) -> dict[str, Any]:
    """A run as scripts get it."""
    return {
        "run_id": row.run_id,
        "spec_name": row.shown_spec_name,
        "status": row.status,
        "started_at": written(row.started_at),
        "ended_at": _written(row.ended_at),
        "endpoint_name": row.endpoint_name,
        "serving_regions": list(row.serving_regions),
        "batch_model_name": row.batch_model_name,
        "live": row.live,
        "live_since": _written(row.in_service_since if row.live else None),
        "keep": row.kept,
        "expires_at": _written(row.expires_at),
        "usd_per_month": usd_per_month(row),
        "awaiting_approval_since": _written(
            row.awaiting_approval_since if row.awaits_approval else None
        ),
        "approve_by": _written(row.approve_by if row.awaits_approval else None),
        "queued": row.queued,
    }


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else written(moment)
