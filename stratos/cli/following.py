"""A run at one time after another, until it has ended."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stratos.cli.run_story import RunStory, StoryTeller
from stratos.cli.runs import (
    GONE,
    WHY_GONE,
    execution_ended,
    find_run,
    latest_progress,
    latest_runs,
    no_such_run,
)
from stratos.cli.stack import Stack
from stratos.contracts.jobs import Progress
from stratos.contracts.run import RunRow
from stratos.errors import RunLost, RunNotFound
from stratos.waiting import wait_until

START_TIMEOUT_SECONDS = 60.0
GONE_TIMEOUT_SECONDS = 60.0
REPORT_TIMEOUT_SECONDS = 960.0
"""Clean-up has 15 minutes, most of them to wait for the endpoint before it reports."""
SILENT_SECONDS = 10.0
"""After which what is waited for is said again."""


@dataclass(frozen=True)
class Snapshot:
    """A run at one time."""

    run: RunRow
    state: str | None
    progress: Progress | None
    story: RunStory | None = None
    """From its beginning; None before its first state."""


def follow(
    stack: Stack,
    run_id: str,
    *,
    start_timeout_seconds: float = START_TIMEOUT_SECONDS,
    poll_seconds: float = 1.0,
    may_not_have_begun: bool = True,
    sleep: Callable[[float], None] = time.sleep,
    tell: Callable[[str], object] = lambda text: None,
) -> Iterator[Snapshot]:
    """Yield snapshots of the run until it has finished.

    Args:
        may_not_have_begun: Whether a run that is not there may yet begin, and is waited for.
        tell: Called with what is waited for if there is no such run yet, now and then.

    Raises:
        RunNotFound: if there is no such run, or it does not appear in time.
        RunLost: if the execution ends and no report follows in time.
    """
    unreported = waited = 0.0
    num_pauses = math.ceil(start_timeout_seconds / poll_seconds)
    teller = StoryTeller(stack, run_id)
    if _run_if_begun(stack, run_id) is None:
        if not may_not_have_begun:
            raise RunNotFound(no_such_run(stack, run_id))
        tell(f"waiting up to {start_timeout_seconds:.0f} s for run {run_id} to start")

    def pause(seconds: float) -> None:
        nonlocal waited
        sleep(seconds)
        before, waited = waited, waited + seconds
        if waited // SILENT_SECONDS > before // SILENT_SECONDS:
            tell(f"still waiting for run {run_id} to start: {waited:.0f} s")

    while True:
        run = wait_until(
            lambda: _run_if_begun(stack, run_id),
            pauses=itertools.repeat(poll_seconds, num_pauses),
            sleep=pause,
        )
        if run is None:
            raise RunNotFound(
                f"run {run_id} did not start within {start_timeout_seconds:.0f} s; the latest runs "
                f"are: {latest_runs(stack)}. If it was submitted, look at the rule's dead-letter "
                "queue and at the state machine's executions"
            )
        yield _snapshot(stack, run, teller)
        if run.finished:
            return
        if run.execution_arn and (ended := execution_ended(stack, run.execution_arn)):
            # Clean-up after a stopped execution writes the report; it takes a while.
            _wait_for_report(stack, run, ended, unreported, tell)
            unreported += poll_seconds
        sleep(poll_seconds)


def _wait_for_report(
    stack: Stack, run: RunRow, ended: str, seconds: float, tell: Callable[[str], object]
) -> None:
    """Say what is waited for once an execution is over, or give up.

    Args:
        seconds: That were waited already.
    """
    if ended != GONE:
        if seconds >= REPORT_TIMEOUT_SECONDS:
            raise RunLost(
                f"the execution of run {run.run_id} is {ended}, but nothing reported its end; "
                f"look at its history ({run.execution_arn}) and the log of "
                f"{stack.names.function('clean_up')}"
            )
        return
    gone = f"the execution of run {run.run_id} is gone ({WHY_GONE})"
    if not seconds:
        tell(f"{gone}; waiting up to {GONE_TIMEOUT_SECONDS:.0f} s for its end to be reported")
    if seconds >= GONE_TIMEOUT_SECONDS:
        raise RunLost(
            f"{gone}, and nothing reported its end. `stratos sweep` removes what it has made; "
            "`stratos submit` starts it anew"
        )


def _snapshot(stack: Stack, run: RunRow, teller: StoryTeller) -> Snapshot:
    progress = latest_progress(stack, run.run_id)
    if not run.execution_arn:
        return Snapshot(run, None, progress)
    state = teller.state(run)
    left = None
    if progress is not None and belongs(progress, state):
        left = progress.seconds_left
    return Snapshot(run, state, progress, teller.story(run, state, left))


def _run_if_begun(stack: Stack, run_id: str) -> RunRow | None:
    try:
        return find_run(stack, run_id)
    except RunNotFound:
        return None


def belongs(progress: Progress, state: str | None) -> bool:
    """Whether a job's progress note belongs to the current state."""
    return state is not None and progress.step[:5] in state.lower()
