"""Follow a run: its state, and what its jobs say, until it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime

import typer
from botocore.exceptions import ClientError
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from stratos import moment
from stratos.cli.following import SILENT_SECONDS, Snapshot, belongs, follow
from stratos.cli.listing import run_json
from stratos.cli.options import Json, RunId
from stratos.cli.run_story import RunStory, history_lines, story_table
from stratos.cli.runs import (
    read_summary,
)
from stratos.cli.screen import echo, make_console, print_json, say
from stratos.cli.stack import Stack
from stratos.cli.tables import print_outcome
from stratos.contracts.bucket import SPEC_FILE, SPEC_PREFIX, run_id_of
from stratos.contracts.jobs import Progress
from stratos.contracts.run import RunRow
from stratos.report.figures import duration, told_moment

EXIT_CODES = {"succeeded": 0, "unchanged": 0, "failed": 3, "rejected": 4, "stopped": 5}
"""Of a run that was followed, by how it ended."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as of any program that SIGINT ends."""
ASK_AGAIN_SECONDS = 600.0
"""Between two lines of a run that waits: for a person, or in the queue."""


class Screen:
    """The live picture of one run: its states with time and money beside their forecasts, and the
    job that is running.

    Without a terminal, each state and each tenth of a job is one line of text, and so is every ten
    seconds in which neither comes. What was over before is told first.
    """

    def __init__(
        self,
        console: Console,
        now: Callable[[], float] = time.monotonic,
        clock: Callable[[], datetime] = moment.now,
    ) -> None:
        self._console, self._now, self._clock = console, now, clock
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

    def _print_ended_phase(self, story: RunStory) -> bool:
        """What a phase took and cost, once the next one has begun; whether one has."""
        current = next((row.name for row in story.phases if row.under_way), None)
        before, self._phase = self._phase, current
        row = story.phase(before) if before is not None and before != current else None
        if row is None or row.forecast_seconds is None:
            return False
        self._say(f"{row.told}; the run: {story.told}")
        return True

    def _say(self, line: str) -> None:
        say(self._console, line)

    def _print_line(self, snapshot: Snapshot) -> None:
        now, story = self._now(), snapshot.story
        has_told_left = story is not None and self._print_ended_phase(story)
        key, told = self._news(snapshot)
        if key == self._last_key:
            waits = waits_for(snapshot.run, self._clock()) is not None
            if now - self._printed_at < (ASK_AGAIN_SECONDS if waits else SILENT_SECONDS):
                return
            told = told if waits else self._no_news(snapshot)
        elif not told and story is not None and not has_told_left:
            told = story.told_left
        state = snapshot.state or "starting"
        self._say(f"{state}: {told}" if told else state)
        self._last_key, self._printed_at = key, now

    def _news(self, snapshot: Snapshot) -> tuple[str, str]:
        """What is told of a state, and a key that changes when it is to be told again."""
        state, progress = snapshot.state or "starting", snapshot.progress
        if (waits := waits_for(snapshot.run, self._clock())) is not None:
            # What is left of the time to answer changes every second, and is no news.
            return f"{state}, a person" if snapshot.run.awaits_approval else waits, waits
        if progress is None or not belongs(progress, snapshot.state):
            return state, ""
        tenth = int(10 * progress.done / progress.total) if progress.total else 0
        key = f"{state}{progress.label}{tenth}{progress.note is None}"
        return key, describe(progress, done=tenth * progress.total / 10)

    def _no_news(self, snapshot: Snapshot) -> str:
        """How long a state goes on already, and the run."""
        since = self._now() - (self._states[-1][1] if self._states else self._began_at)
        parts = [f"{duration(since)} so far"]
        if snapshot.progress is not None and belongs(snapshot.progress, snapshot.state):
            parts.insert(0, describe(snapshot.progress))
        run = "" if snapshot.story is None else f"; the run: {snapshot.story.told}"
        return ", ".join(parts) + run

    def _picture(self, snapshot: Snapshot) -> Group:
        """What goes on is above: of what a low terminal cannot hold, rich cuts the end."""
        if snapshot.story is None:
            return Group(*self._doing(snapshot), self._states_so_far(snapshot))
        head = Group(Text(f"{snapshot.run.run_id}: {snapshot.story.told}"), *self._doing(snapshot))
        left = self._console.height - len(self._console.render_lines(head)) - 1  # for the titles
        return Group(head, story_table(snapshot.story.around_now(left), snapshot.state))

    def _states_so_far(self, snapshot: Snapshot) -> Table:
        rows = Table.grid(padding=(0, 2))
        now = self._now()
        for number, (state, entered) in enumerate(self._states):
            last = number == len(self._states) - 1
            left = now if last else self._states[number + 1][1]
            mark = Text("●", "cyan") if last and not snapshot.run.finished else Text("✓", "green")
            rows.add_row(mark, state, Text(duration(left - entered), "dim"))
        return rows

    def _doing(self, snapshot: Snapshot) -> Iterator[RenderableType]:
        """What the job under way says, or what the run waits for."""
        progress = snapshot.progress
        if (waits := waits_for(snapshot.run, self._clock())) is not None:
            yield Text(waits)
        elif progress is not None and belongs(progress, snapshot.state):
            if not progress.total:
                yield Text(describe(progress))
                return
            bar = ProgressBar(total=progress.total, completed=progress.done, width=40)
            line = Table.grid(padding=(0, 2))
            line.add_row(bar, Text(describe(progress)))
            yield line


def waits_for(run: RunRow, at: datetime) -> str | None:
    """What a run waits for, whose time it does not take; None if it is at work."""
    return asks(run, at) if run.awaits_approval else run.queued


def asks(run: RunRow, at: datetime) -> str:
    """What a run that waits for approval waits for, and until when."""
    until = ""
    if run.approve_by is not None:
        left = (run.approve_by - at).total_seconds()
        until = f", until {told_moment(run.approve_by)}"
        until += f" ({duration(left)} left)" if left > 0 else ""
    return (
        f"waits for you{until}: `stratos approve {run.run_id}` puts its model into service, "
        f"`stratos reject {run.run_id} --reason WHY` does not"
    )


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
    key = f"{SPEC_PREFIX}{run_id.rpartition('-')[0]}/{SPEC_FILE}"
    try:
        version = stack.s3.head_object(Bucket=stack.bucket, Key=key).get("VersionId", "null")
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return False
        raise
    return run_id_of(stack.bucket, key, version) == run_id


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
    summary = read_summary(stack, run_id)
    if not json_:
        if summary is not None:
            print_outcome(console, summary)
        if summary is None or run.status == "deleted":
            console.print(f"run {run_id}: {run.status}")
    # A deletion is no end of a run: how it ended is in its summary.
    ended = summary.status if summary is not None and run.status == "deleted" else run.status
    raise typer.Exit(EXIT_CODES.get(ended, 1))


def _print_as_json(snapshots: Iterator[Snapshot]) -> RunRow:
    """One line a look: the run, its state, what its job says, and its story so far."""
    for snapshot in snapshots:
        progress = snapshot.progress.model_dump(mode="json") if snapshot.progress else None
        story = snapshot.story.as_json() if snapshot.story is not None else None
        told = {"state": snapshot.state, "progress": progress, "story": story}
        print_json(run_json(snapshot.run) | told)
    return snapshot.run
