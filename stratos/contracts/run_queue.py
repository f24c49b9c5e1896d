"""The queue of runs: which have a place and may work, which wait for one, and for what.

It is one item of the runs table beside the rows of the runs. The functions write it, and the
command line reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, PositiveInt

from stratos.errors import QueueFull
from stratos.frozen import FrozenModel
from stratos.moment import Moment

QUEUE_KEY = {"run_id": "queue/"}
"""Of the item. No run is named so: an id begins with the name of a spec, which has no slash."""
MAX_QUEUED_RUNS = 1_000
"""With and without a place: an item of DynamoDB holds 400 KB, and a run takes up to 250 bytes."""
MAX_NAMED = 3
"""Runs that a message names; it counts the others."""


class _InQueue(FrozenModel):
    """Of the item. Functions and command line may be of different releases."""

    model_config = ConfigDict(extra="ignore")


class Caps(_InQueue):
    """How many runs may work at once."""

    per_stack: PositiveInt
    per_spec: PositiveInt


class QueuedRun(_InQueue):
    """A run that has begun and not ended."""

    run_id: str
    spec_name: str
    arrived_at: Moment
    """When its execution was started: the order of the queue."""
    entered_at: Moment
    """When it asked for a place, its spec read and found to be good."""
    has_place: bool = False
    awaits_approval: bool = False
    """A person is asked: it keeps the place of its spec, and takes none of the stack's."""

    @property
    def takes_place(self) -> bool:
        """Whether it counts among those that the stack works on at once."""
        return self.has_place and not self.awaits_approval


class RunQueue(_InQueue):
    """Every run that has a place or waits for one, in order of arrival."""

    caps: Caps | None = None
    """As places were given last; None before the first run."""
    runs: tuple[QueuedRun, ...] = ()

    @classmethod
    def of_item(cls, item: Mapping[str, Any] | None) -> RunQueue:
        """As the item of the table has it; empty where there is none."""
        return cls() if not item else cls.model_validate_json(str(item["queue"]))

    def find(self, run_id: str) -> QueuedRun | None:
        return next((run for run in self.runs if run.run_id == run_id), None)

    def with_run(self, run: QueuedRun) -> RunQueue:
        """With a run at its place by arrival; one that is there already stays as it is.

        Raises:
            QueueFull: there are as many as the item can hold.
        """
        if self.find(run.run_id) is not None:
            return self
        if len(self.runs) >= MAX_QUEUED_RUNS:
            raise QueueFull(
                f"{len(self.runs)} runs work or wait already, and a stack's queue holds "
                f"{MAX_QUEUED_RUNS}; upload the spec again when some have ended (`stratos runs` "
                "lists them, `stratos stop RUN` ends one)"
            )
        runs = sorted((*self.runs, run), key=lambda each: (each.arrived_at, each.run_id))
        return self.model_copy(update={"runs": tuple(runs)})

    def without(self, *run_ids: str) -> RunQueue:
        kept = tuple(run for run in self.runs if run.run_id not in run_ids)
        return self.model_copy(update={"runs": kept})

    def with_approvals(self, awaited: Mapping[str, bool]) -> RunQueue:
        """Note which runs await approval now; those that are not named stay as they are."""
        runs = tuple(
            run.model_copy(update={"awaits_approval": awaited.get(run.run_id, run.awaits_approval)})
            for run in self.runs
        )
        return self.model_copy(update={"runs": runs})

    def with_places_given(self, caps: Caps) -> RunQueue:
        """Give free places to who waits longest.

        A run whose spec has no place left is passed over; it does not hold up other specs. Nobody
        loses a place, also where the caps are lower than before, or where runs go on that awaited
        approval while others took what they had left.
        """
        working = [run for run in self.runs if run.has_place]
        of_spec: dict[str, int] = {}
        for run in working:
            of_spec[run.spec_name] = of_spec.get(run.spec_name, 0) + 1
        num_working, runs = sum(run.takes_place for run in working), []
        for run in self.runs:
            mine = of_spec.get(run.spec_name, 0)
            if not run.has_place and num_working < caps.per_stack and mine < caps.per_spec:
                run = run.model_copy(update={"has_place": True})
                num_working, of_spec[run.spec_name] = num_working + 1, mine + 1
            runs.append(run)
        return RunQueue(caps=caps, runs=tuple(runs))

    def why_waits(self, run_id: str) -> str | None:
        """The place of a run in the queue and what it waits for; None if it does not wait."""
        run = self.find(run_id)
        if run is None or run.has_place:
            return None
        before = [each for each in self.runs if not each.has_place]
        return self._told(before[: before.index(run)], run.spec_name)

    def why_would_wait(self, spec_name: str) -> str | None:
        """The same of a run that comes now; None if it would get a place at once."""
        waiting = [run for run in self.runs if not run.has_place]
        if self.caps is None or (not self._full and not self._rivals(spec_name, waiting)):
            return None
        return self._told(waiting, spec_name)

    @property
    def _full(self) -> bool:
        """Whether as many runs work as the stack lets work at once."""
        if self.caps is None:
            return False
        return sum(run.takes_place for run in self.runs) >= self.caps.per_stack

    def _rivals(self, spec_name: str, waiting: list[QueuedRun]) -> list[QueuedRun]:
        """Runs of the same spec that come before one, where these take all the spec's places."""
        working = [run for run in self.runs if run.has_place]
        rivals = [run for run in (*working, *waiting) if run.spec_name == spec_name]
        return rivals if self.caps is not None and len(rivals) >= self.caps.per_spec else []

    def _told(self, before: list[QueuedRun], spec_name: str) -> str:
        told = f"place {len(before) + 1} in the queue"
        if self.caps is None:
            return told
        if rivals := self._rivals(spec_name, before):
            return (
                f"{told}: {self.caps.per_spec} of one spec at a time, and {_named(rivals)} "
                f"{'comes' if len(rivals) == 1 else 'come'} first; `stratos stop RUN` ends one "
                "that is no longer wanted"
            )
        return f"{told}: the stack works on {self.caps.per_stack} runs at a time"


def _named(runs: list[QueuedRun]) -> str:
    named = ", ".join(run.run_id for run in runs[:MAX_NAMED])
    more = len(runs) - MAX_NAMED
    return f"run{'s' * (len(runs) > 1)} {named}" + (f" and {more} more" if more > 0 else "")
