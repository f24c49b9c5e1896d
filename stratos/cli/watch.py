"""Follow a run: its state, and what its jobs say, until it ends."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from stratos.cli.runs import (
    current_state,
    execution_ended,
    find_run,
    latest_progress,
    latest_runs,
)
from stratos.cli.stack import Stack
from stratos.contracts.jobs import Progress
from stratos.contracts.run import RunRow
from stratos.errors import RunLost, RunNotFound
from stratos.moment import written
from stratos.report.figures import duration
from stratos.waiting import wait_until

START_TIMEOUT_SECONDS = 60.0
REPORT_TIMEOUT_SECONDS = 960.0
"""Clean-up has 15 minutes, most of them to wait for the endpoint before it reports."""


@dataclass(frozen=True)
class Snapshot:
    """A run at one time."""

    run: RunRow
    state: str | None
    progress: Progress | None


def follow(
    stack: Stack,
    run_id: str,
    *,
    start_timeout_seconds: float = START_TIMEOUT_SECONDS,
    poll_seconds: float = 1.0,
    sleep: Callable[[float], None] = time.sleep,
    tell: Callable[[str], object] = lambda text: None,
) -> Iterator[Snapshot]:
    """Yield snapshots of the run until it has finished.

    Args:
        tell: Called once if there is no such run yet, with what is waited for.

    Raises:
        RunNotFound: if the run does not appear in time.
        RunLost: if the execution ends and no report follows in time.
    """
    unreported = 0.0
    num_pauses = math.ceil(start_timeout_seconds / poll_seconds)
    if _run_if_begun(stack, run_id) is None:
        tell(f"waiting up to {start_timeout_seconds:.0f} s for run {run_id} to start")
    while True:
        run = wait_until(
            lambda: _run_if_begun(stack, run_id),
            pauses=itertools.repeat(poll_seconds, num_pauses),
            sleep=sleep,
        )
        if run is None:
            raise RunNotFound(
                f"run {run_id} did not start within {start_timeout_seconds:.0f} s; the latest runs "
                f"are: {latest_runs(stack)}. If it was submitted, look at the rule's dead-letter "
                "queue and at the state machine's executions"
            )
        state = current_state(stack, run.execution_arn) if run.execution_arn else None
        yield Snapshot(run, state, latest_progress(stack, run_id))
        if run.finished:
            return
        if run.execution_arn and (ended := execution_ended(stack, run.execution_arn)):
            # Clean-up after a stopped execution writes the report; it takes a while.
            unreported += poll_seconds
            if unreported > REPORT_TIMEOUT_SECONDS:
                raise RunLost(
                    f"the execution of run {run_id} is {ended}, but nothing reported its end; "
                    f"look at its history ({run.execution_arn}) and the log of "
                    f"{stack.names.function('clean_up')}"
                )
        sleep(poll_seconds)


def _run_if_begun(stack: Stack, run_id: str) -> RunRow | None:
    try:
        return find_run(stack, run_id)
    except RunNotFound:
        return None


class Screen:
    """The live picture of one run: its states with their times, and the job that is running.

    Without a terminal, each state and each tenth of a job is one line of text.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._states: list[tuple[str, float]] = []
        self._last_line = ""

    def show(self, snapshots: Iterator[Snapshot]) -> RunRow:
        """Draw until the run has ended, and return its row."""
        if not self._console.is_terminal:
            for snapshot in snapshots:
                self._note(snapshot)
                self._print_line(snapshot)
            return snapshot.run
        with Live(console=self._console, refresh_per_second=4, transient=True) as live:
            for snapshot in snapshots:
                self._note(snapshot)
                live.update(self._picture(snapshot))
        return snapshot.run

    def _note(self, snapshot: Snapshot) -> None:
        if snapshot.state and (not self._states or self._states[-1][0] != snapshot.state):
            self._states.append((snapshot.state, time.monotonic()))

    def _print_line(self, snapshot: Snapshot) -> None:
        line = snapshot.state or "starting"
        if snapshot.run.awaits_approval:
            line = f"{line}: {asks(snapshot.run)}"
        progress = snapshot.progress
        if progress and progress.total and belongs(progress, snapshot.state):
            tenth = int(10 * progress.done / progress.total)
            line = f"{line}: {describe(progress, done=tenth * progress.total / 10)}"
            key = f"{snapshot.state}{progress.label}{tenth}"
        else:
            key = line
        if key != self._last_line:
            self._console.print(line, highlight=False, soft_wrap=True)
            self._last_line = key

    def _picture(self, snapshot: Snapshot) -> Group:
        rows = Table.grid(padding=(0, 2))
        now = time.monotonic()
        for number, (state, entered) in enumerate(self._states):
            last = number == len(self._states) - 1
            left = now if last else self._states[number + 1][1]
            mark = Text("●", "cyan") if last and not snapshot.run.finished else Text("✓", "green")
            rows.add_row(mark, state, Text(duration(left - entered), "dim"))
        progress = snapshot.progress
        if snapshot.run.awaits_approval:
            return Group(rows, Text(asks(snapshot.run)))
        if progress is None or not progress.total or not belongs(progress, snapshot.state):
            return Group(rows)
        bar = ProgressBar(total=progress.total, completed=progress.done, width=40)
        line = Table.grid(padding=(0, 2))
        line.add_row(bar, describe(progress))
        return Group(rows, line)


def asks(run: RunRow) -> str:
    """What a run that waits for approval waits for."""
    by = "" if run.approve_by is None else f", by {written(run.approve_by)}"
    return f"`stratos approve {run.run_id}` or `stratos reject {run.run_id}`{by}"


def belongs(progress: Progress, state: str | None) -> bool:
    """Whether a job's progress note belongs to the current state."""
    return state is not None and progress.step[:5] in state.lower()


def describe(progress: Progress, done: float | None = None) -> str:
    """`distill: 120/400 steps, 10,412 tokens/s, loss 0.731, 42.1 s left`."""
    done = progress.done if done is None else done
    parts = [f"{progress.label} {done:,.0f}/{progress.total:,.0f} {progress.unit}"]
    if progress.tokens_per_second is not None:
        parts.append(f"{progress.tokens_per_second:,.0f} tokens/s")
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.3f}")
    if progress.seconds_left is not None:
        parts.append(f"{duration(progress.seconds_left)} left")
    return ", ".join(parts)
