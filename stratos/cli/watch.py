"""Follow a run: its state, and what its jobs say, until it ends."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from stratos.cli.listing import run_json
from stratos.cli.options import Json, RunId
from stratos.cli.run_story import RunStory, StoryTeller, history_lines, story_table
from stratos.cli.runs import (
    execution_ended,
    find_run,
    latest_progress,
    latest_runs,
    no_such_run,
    read_summary,
)
from stratos.cli.screen import echo, make_console, print_json
from stratos.cli.stack import Stack
from stratos.cli.tables import print_outcome
from stratos.contracts.bucket import SPEC_FILE, SPEC_PREFIX, run_id_of
from stratos.contracts.jobs import Progress
from stratos.contracts.run import RunRow
from stratos.errors import RunLost, RunNotFound
from stratos.moment import written
from stratos.report.figures import duration
from stratos.waiting import wait_until

EXIT_CODES = {"succeeded": 0, "unchanged": 0, "failed": 3, "rejected": 4, "stopped": 5}
"""Of a run that was followed, by how it ended."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as of any program that SIGINT ends."""
START_TIMEOUT_SECONDS = 60.0
SILENT_SECONDS = 10.0
"""Without a line, after which the last one is said again with the time it has taken."""
REPORT_TIMEOUT_SECONDS = 960.0
"""Clean-up has 15 minutes, most of them to wait for the endpoint before it reports."""


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
            unreported += poll_seconds
            if unreported > REPORT_TIMEOUT_SECONDS:
                raise RunLost(
                    f"the execution of run {run_id} is {ended}, but nothing reported its end; "
                    f"look at its history ({run.execution_arn}) and the log of "
                    f"{stack.names.function('clean_up')}"
                )
        sleep(poll_seconds)


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


class Screen:
    """The live picture of one run: its states with time and money beside their forecasts, and the
    job that is running.

    Without a terminal, each state and each tenth of a job is one line of text, and so is every ten
    seconds in which neither comes. What was over before is told first.
    """

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._console, self._now = console, now
        self._states: list[tuple[str, float]] = []
        self._last_key, self._printed_at = "", 0.0
        self._began_at = now()
        self._phase: str | None = None

    def show(self, snapshots: Iterator[Snapshot]) -> RunRow:
        """Draw until the run has ended, and return its row."""
        if not self._console.is_terminal:
            for number, snapshot in enumerate(snapshots):
                if number == 0:
                    self._print_history(snapshot)
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
            self._states.append((snapshot.state, self._now()))

    def _print_history(self, snapshot: Snapshot) -> None:
        """What the run did before anybody watched."""
        if snapshot.story is not None and not snapshot.run.finished:
            for line in history_lines(snapshot.story.phases):
                self._say(f"before: {line}")

    def _print_ended_phase(self, story: RunStory) -> None:
        """What a phase took and cost, once the next one has begun."""
        current = next((row.name for row in story.phases if row.under_way), None)
        before, self._phase = self._phase, current
        row = story.phase(before) if before is not None and before != current else None
        if row is not None and row.forecast_seconds is not None:
            self._say(f"{row.told}; the run: {story.told}")

    def _say(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)

    def _print_line(self, snapshot: Snapshot) -> None:
        now, state = self._now(), snapshot.state or "starting"
        progress = snapshot.progress
        if snapshot.story is not None:
            self._print_ended_phase(snapshot.story)
        if progress is not None and not belongs(progress, snapshot.state):
            progress = None
        key, told = state, ""
        if snapshot.run.awaits_approval:
            key = told = asks(snapshot.run)
        elif progress is not None:
            tenth = int(10 * progress.done / progress.total) if progress.total else 0
            key = f"{state}{progress.label}{tenth}{progress.note is None}"
            told = describe(progress, done=tenth * progress.total / 10)
        if key == self._last_key:
            if snapshot.run.awaits_approval or now - self._printed_at < SILENT_SECONDS:
                return
            since = now - (self._states[-1][1] if self._states else self._began_at)
            told = describe(progress) if progress is not None else ""
            run = snapshot.story.told if snapshot.story is not None else None
            told = ", ".join(filter(None, (told, f"{duration(since)} so far")))
            told += f"; the run: {run}" if run is not None else ""
        self._say(f"{state}: {told}" if told else state)
        self._last_key, self._printed_at = key, now

    def _picture(self, snapshot: Snapshot) -> Group:
        if snapshot.story is not None:
            told = Text(f"{snapshot.run.run_id}: {snapshot.story.told}")
            table = story_table(snapshot.story, snapshot.state)
            return Group(table, told, *self._doing(snapshot))
        return Group(self._states_so_far(snapshot), *self._doing(snapshot))

    def _states_so_far(self, snapshot: Snapshot) -> Table:
        rows = Table.grid(padding=(0, 2))
        now = self._now()
        for number, (state, entered) in enumerate(self._states):
            last = number == len(self._states) - 1
            left = now if last else self._states[number + 1][1]
            mark = Text("●", "cyan") if last and not snapshot.run.finished else Text("✓", "green")
            rows.add_row(mark, state, Text(duration(left - entered), "dim"))
        return rows

    @staticmethod
    def _doing(snapshot: Snapshot) -> Iterator[RenderableType]:
        """What the job under way says, or what a person is asked."""
        progress = snapshot.progress
        if snapshot.run.awaits_approval:
            yield Text(asks(snapshot.run))
        elif progress is not None and belongs(progress, snapshot.state):
            if not progress.total:
                yield Text(describe(progress))
                return
            bar = ProgressBar(total=progress.total, completed=progress.done, width=40)
            line = Table.grid(padding=(0, 2))
            line.add_row(bar, Text(describe(progress)))
            yield line


def asks(run: RunRow) -> str:
    """What a run that waits for approval waits for."""
    by = "" if run.approve_by is None else f", by {written(run.approve_by)}"
    return f"`stratos approve {run.run_id}` or `stratos reject {run.run_id}`{by}"


def belongs(progress: Progress, state: str | None) -> bool:
    """Whether a job's progress note belongs to the current state."""
    return state is not None and progress.step[:5] in state.lower()


def describe(progress: Progress, done: float | None = None) -> str:
    """`student 120/400 steps, 10,412 tokens/s, loss 0.731, 42.1 s left`."""
    done = progress.done if done is None else done
    counted = f" {done:,.0f}/{progress.total:,.0f} {progress.unit}" if progress.total else ""
    parts = [progress.label + counted]
    if progress.tokens_per_second is not None:
        parts.append(f"{progress.tokens_per_second:,.0f} tokens/s")
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.3f}")
    if progress.seconds_left is not None:
        parts.append(f"{duration(progress.seconds_left)} left")
    if progress.quiet_seconds:
        parts.append(f"still at it after {duration(progress.quiet_seconds)}")
    if progress.note is not None:
        parts.append(progress.note)
    return ", ".join(parts)


def watch_command(run_id: RunId, json_: Json = False) -> None:
    stack = Stack.find()
    watch_run(stack, run_id, json_=json_, submitted=is_submitted(stack, run_id))


def is_submitted(stack: Stack, run_id: str) -> bool:
    """Whether the newest version of a spec starts this run, which may not have begun yet."""
    prefix = SPEC_PREFIX + run_id.rpartition("-")[0]
    listed = stack.s3.list_objects_v2(Bucket=stack.bucket, Prefix=prefix).get("Contents", [])
    for key in (item["Key"] for item in listed if item["Key"].endswith(f"/{SPEC_FILE}")):
        version = stack.s3.head_object(Bucket=stack.bucket, Key=key).get("VersionId", "null")
        if run_id_of(stack.bucket, key, version) == run_id:
            return True
    return False


def watch_run(stack: Stack, run_id: str, *, json_: bool, submitted: bool = True) -> None:
    """Show a run until it ends, or whoever watches does not want to any more.

    Args:
        submitted: It is known to begin, if it has not yet.

    Raises:
        typer.Exit: always; its code says how the run ended.
    """
    console = make_console()
    snapshots = follow(
        stack,
        run_id,
        may_not_have_begun=submitted,
        tell=lambda text: echo(text, err=True),
    )
    try:
        run = _print_as_json(snapshots) if json_ else Screen(console).show(snapshots)
    except KeyboardInterrupt:
        echo(
            f"\nrun {run_id} goes on; `stratos watch {run_id}` follows it again, "
            f"`stratos stop {run_id}` ends it",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from None
    if not json_:
        if (summary := read_summary(stack, run_id)) is not None:
            print_outcome(console, summary)
        else:
            console.print(f"run {run_id}: {run.status}")
    raise typer.Exit(EXIT_CODES.get(run.status, 1))


def _print_as_json(snapshots: Iterator[Snapshot]) -> RunRow:
    """One line a look: the run, its state, what its job says, and its story so far."""
    for snapshot in snapshots:
        progress = snapshot.progress.model_dump(mode="json") if snapshot.progress else None
        story = snapshot.story.as_json() if snapshot.story is not None else None
        told = {"state": snapshot.state, "progress": progress, "story": story}
        print_json(run_json(snapshot.run) | told)
    return snapshot.run
