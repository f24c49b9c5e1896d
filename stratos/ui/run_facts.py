"""Everything that a page shows of one run, finished or under way."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from stratos.cli.following import belongs
from stratos.cli.runs import find_run, latest_progress, read_summary
from stratos.cli.stack import Stack
from stratos.cli.watch import describe
from stratos.contracts.jobs import Progress
from stratos.contracts.run import RunRow
from stratos.pipeline.summary import RunSummary
from stratos.ui.execution import Execution, read_execution
from stratos.ui.so_far import summary_so_far
from stratos.ui.state_graph import Graph, graph_of

Value = TypeVar("Value")
_KEPT = 64
"""Finished runs whose summaries and histories are kept in memory: they change no more."""


@dataclass(frozen=True)
class RunNow:
    """Where a run is: what the live part of a page shows."""

    row: RunRow
    execution: Execution
    graph: Graph
    progress: Progress | None

    @property
    def doing(self) -> str | None:
        """What the job under way says."""
        return None if self.progress is None else describe(self.progress)

    @property
    def share_done(self) -> float | None:
        found = self.progress
        return None if found is None or not found.total else min(1.0, found.done / found.total)


class RunReader:
    """Reads runs of one stack; what can no longer change is read once."""

    def __init__(self) -> None:
        self._summaries: OrderedDict[str, RunSummary] = OrderedDict()
        self._executions: OrderedDict[str, Execution] = OrderedDict()

    def now(self, stack: Stack, run_id: str, at: datetime) -> RunNow:
        """Where a run is.

        Raises:
            RunNotFound: naming the runs there are.
        """
        row = find_run(stack, run_id)
        execution = self._execution(stack, row)
        graph = graph_of(execution, at)
        progress = None if row.finished else latest_progress(stack, run_id)
        state = graph.current.inside if graph.current else None
        if progress is not None and not belongs(progress, state):
            progress = None
        return RunNow(row, execution, graph, progress)

    def summary(self, stack: Stack, run: RunNow, at: datetime) -> tuple[RunSummary, bool]:
        """What a run came to, and whether that is its report; else it is what is known so far."""
        found = self.report(stack, run.row)
        if found is not None:
            return found, True
        return summary_so_far(stack, run.row, run.execution.events, at), False

    def report(self, stack: Stack, row: RunRow) -> RunSummary | None:
        """The summary that the run wrote at its end; None while there is none."""
        if row.run_id in self._summaries:
            return self._summaries[row.run_id]
        found = read_summary(stack, row.run_id) if row.finished else None
        if found is not None:
            _keep(self._summaries, row.run_id, found)
        return found

    def _execution(self, stack: Stack, row: RunRow) -> Execution:
        if row.run_id in self._executions:
            return self._executions[row.run_id]
        found = read_execution(stack, row.execution_arn)
        if row.finished and not found.runs:
            _keep(self._executions, row.run_id, found)
        return found


def _keep(kept: OrderedDict[str, Value], name: str, value: Value) -> None:
    kept[name] = value
    while len(kept) > _KEPT:
        kept.popitem(last=False)
