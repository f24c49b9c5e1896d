"""`stratos logs`: what a run's jobs and its endpoint wrote."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import typer

from stratos.cli.options import Json, RunId
from stratos.cli.run_logs import endpoint_streams, job_streams
from stratos.cli.runs import find_run, list_runs
from stratos.cli.screen import make_console, print_json
from stratos.cli.stack import Stack, client
from stratos.contracts.run import RunRow
from stratos.errors import LogsNotFound
from stratos.waiting import every, wait_until

ENDPOINT = "endpoint"
_STEPS = {"inspectlarge": "inspect", "probemodels": "probe"}
"""States whose jobs are called otherwise."""
_STREAMS_AT_ONCE = 100
"""Of one FilterLogEvents."""
_FOLLOW_SECONDS = 2.0
_sleep = time.sleep
_OVERLAP_MS = 60_000
"""Lines may arrive late, so the last minute is read again."""


class LogLine(NamedTuple):
    """One line, as CloudWatch Logs has it.

    Attributes:
        at_ms: Milliseconds since 1970.
        source: The job, such as `distill-a0`, or `endpoint`.
        id: Of the event; no other has it.
    """

    at_ms: int
    source: str
    text: str
    id: str


def logs_command(
    run_id: RunId,
    state: Annotated[
        str | None,
        typer.Argument(
            help="Only of this state's jobs: probe, synthesize, distill, evaluate, inspect; or "
            "endpoint, which is not shown otherwise."
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")
    ] = False,
    json_: Json = False,
) -> None:
    """Print what a run's jobs wrote, in the order in which they wrote it."""
    stack, console = Stack.find(), make_console()
    seen: set[str] = set()
    after = 0

    def show() -> RunRow:
        nonlocal after
        run = find_run(stack, run_id)  # before its lines: all that a run wrote is read at its end
        for line in lines_of(stack, run, state, after - _OVERLAP_MS):
            after = max(after, line.at_ms)
            if line.id in seen:
                continue
            seen.add(line.id)
            if json_:
                print_json({"at": _written(line.at_ms), "source": line.source, "line": line.text})
            else:
                told = f"{_written(line.at_ms)[11:19]} {line.source:<14} {line.text}"
                console.out(told, highlight=False)
        return run

    if follow:
        wait_until(show, lambda run: run.finished, pauses=every(_FOLLOW_SECONDS), sleep=_sleep)
    else:
        show()
    if not seen:
        raise LogsNotFound(_why_none(stack, run_id, state))


def lines_of(stack: Stack, run: RunRow, state: str | None, after_ms: int) -> list[LogLine]:
    """Every line of a run since a moment, the oldest first.

    Args:
        state: Whose jobs are meant, as a person writes it; None for those of all states.
    """
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for region, group, stream in _streams(stack, run, state):
        groups[region, group].append(stream)
    found = [
        line
        for (region, group), streams in groups.items()
        for start in range(0, len(streams), _STREAMS_AT_ONCE)
        for line in _events(region, group, streams[start : start + _STREAMS_AT_ONCE], run, after_ms)
    ]
    return sorted(found, key=lambda line: (line.at_ms, line.source))


def _streams(stack: Stack, run: RunRow, state: str | None) -> list[tuple[str, str, str]]:
    """Region, group and name; the region is empty for the stack's own."""
    rows = list_runs(stack)
    if state is not None and state.lower() == ENDPOINT:
        later = [
            row.started_at
            for row in rows
            if row.spec_key == run.spec_key and row.started_at > run.started_at
        ]
        found = endpoint_streams(stack, run, min(later, default=None))
        return [("", group, name) for group, name in found]
    step = "" if state is None else _STEPS.get(state.lower(), state.lower())
    places = [stack, *(stack.in_region(region) for region in stack.worker_regions)]
    return [
        (place.elsewhere, group, name)
        for place in places
        for group, name in job_streams(place, run, rows)
        if _source(name, run).startswith(step)
    ]


def _events(
    region: str, group: str, streams: Sequence[str], run: RunRow, after_ms: int
) -> Iterator[LogLine]:
    pages = client("logs", region=region or None).get_paginator("filter_log_events")
    asked: dict[str, Any] = {"logGroupName": group, "logStreamNames": list(streams)}
    for page in pages.paginate(**asked, startTime=max(0, after_ms)):
        for event in page["events"]:
            source = _source(event["logStreamName"], run)
            yield LogLine(
                event["timestamp"], source, event["message"].rstrip("\n"), event["eventId"]
            )


def _source(stream: str, run: RunRow) -> str:
    """The step of a job by the name of its stream; `endpoint` for what is no job's."""
    found = re.match(rf"(?:.*-)?{re.escape(run.run_id)}-([^/]+?)(?:-\d+)?/", stream)
    return found[1] if found else ENDPOINT


def _why_none(stack: Stack, run_id: str, state: str | None) -> str:
    run = find_run(stack, run_id)
    sources = sorted({_source(name, run) for _, _, name in _streams(stack, run, None)})
    told = "has written nothing" if state is None else f"has no lines of {state!r}"
    others = ", ".join(sources) or "no job"
    return f"run {run_id} is {run.status} and {told}; there are lines of {others}"


def _written(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
