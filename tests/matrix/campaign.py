"""One fault against every state that a scenario's runs come by, with real processes.

A fault that a run survives strikes it at state after state; one that ends it strikes the next run
at the next state. So each run is also the next run of the spec for those before it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from infra.states.definition_reader import State
from stratos.contracts.run import RunRow
from tests.integration.pipeline.cloud import PATIENCE_SECONDS, Cloud, eventually
from tests.matrix.faults import Fault, kind_of
from tests.matrix.means import Means, Struck
from tests.matrix.orders import Orders
from tests.matrix.results import Tried, commit
from tests.matrix.scenarios import Scenario

_PROMOTION = "Promote"
_LOOK_SECONDS = 0.1


@dataclass
class _Run:
    """What came of one run of a campaign."""

    run_id: str
    struck: list[str] = field(default_factory=list)
    """States, in order."""
    outcome: str = ""
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Campaign:
    """Runs of one spec, struck by one fault until no state is left that they come by."""

    cloud: Cloud
    folder: Path
    scenario: Scenario
    fault: Fault
    means: Mapping[str, Means]
    """State → how it is struck, for those that are to be struck."""
    states: Mapping[str, State]
    modules: Mapping[str, str]
    """Function, as the definition names it → its handler's module."""

    def __post_init__(self) -> None:
        words = f"{self.scenario.name}-{self.fault.name}-{len(list(self.folder.iterdir()))}"
        self._name = words.lower().replace("_", "-")
        self._orders = Orders(self.cloud.settings.state_dir)
        self._left = dict(self.means)
        self._number = 0
        self._told = self.cloud.notifications()
        self._live = False
        """Whether a run of the spec was promoted: from then on its endpoint stays."""
        self._serving: set[str] = set()
        """Endpoints that a run left in service, with good reason."""

    def run(self, until: float) -> Iterator[Tried]:
        """Strike until nothing is left, or the time is over; then let a run end well.

        Args:
            until: As `time.monotonic` counts; no run is begun after it.

        Yields:
            The cells of a run, once the next run of the spec has come further or ended well.
        """
        before: _Run | None = None
        with self.scenario.around(self.cloud):
            while self._left and time.monotonic() < until:
                run = self._run(self._left)
                if before is not None:
                    yield from self._tried(before, run)
                before = run
                if not run.struck:
                    break
            if before is not None and before.struck:
                yield from self._tried(before, self._run({}))
        self._end_endpoints()

    def _run(self, orders: Mapping[str, Means]) -> _Run:
        started = time.monotonic()
        self._orders.give({state: means.order for state, means in orders.items()})
        self._number += 1
        folder = self.scenario.write(self.folder / self._name, self._name, self._number)
        known = {one["executionArn"] for one in self.cloud.executions()}
        self._told()
        run = _Run(self.cloud.submit(folder))
        try:
            row = self._follow(run, known)
            if row is None:
                run.outcome = "never began"
            else:
                run.outcome = f"{row.status}: {self.cloud.summary(run.run_id).reason}"
            run.wrong += self._left_behind(run, row)
        except AssertionError as error:
            run.outcome = "nothing moved any more"
            run.wrong.append(str(error))
            self._give_up(run)
        self._orders.give({})
        run.seconds = time.monotonic() - started
        return run

    def _follow(self, run: _Run, known: set[str]) -> RunRow | None:
        """Strike a run wherever it is held, until it is over.

        Args:
            known: ARNs of the executions that began before it.

        Returns:
            None if its execution ended before it had claimed a run.
        """

        def look() -> tuple[RunRow | None] | None:
            self._look_for_strikes(run)
            row = self.cloud.row(run.run_id)
            if row is None:
                new = [e for e in self.cloud.executions() if e["executionArn"] not in known]
                over = new and all(one["status"] != "RUNNING" for one in new)
                return (None,) if over and run.struck else None
            if row.awaits_approval and self.scenario.approve:
                self.scenario.say_yes(self.cloud, row)
            return (row,) if row.finished else None

        found: tuple[RunRow | None] = eventually(
            look,
            PATIENCE_SECONDS,
            _LOOK_SECONDS,
            doing=lambda: (len(run.struck), *self.cloud.doing(run.run_id)),
        )
        self._look_for_strikes(run)
        return found[0]

    def _look_for_strikes(self, run: _Run) -> None:
        for state in self._orders.struck():
            if state not in run.struck:
                run.struck.append(state)
                self._strike(run, state, self._left.pop(state))

    def _strike(self, run: _Run, state: str, means: Means) -> None:
        if means.strike is None:
            return
        found = self.states[state]
        function = found.get("Parameters", {}).get("FunctionName", found.get("Resource"))
        module = self.modules.get(str(function), "")
        arn = self._execution_of(run)
        struck = Struck(self.cloud, run.run_id, arn, state, kind_of(found), module)
        try:
            with means.strike(struck):
                self._orders.release(state)
        except AssertionError as error:
            run.wrong.append(f"at {state}: {error}")
        finally:
            self._orders.release(state)

    def _execution_of(self, run: _Run) -> str:
        """Of a run; before it is claimed, the execution that is to claim it."""
        row = self.cloud.row(run.run_id)
        if row is not None and row.execution_arn is not None:
            return row.execution_arn
        running = [one for one in self.cloud.executions() if one["status"] == "RUNNING"]
        return str(max(running, key=lambda one: one["startDate"])["executionArn"])

    def _left_behind(self, run: _Run, row: RunRow | None) -> list[str]:
        """What is wrong once a run is over."""
        wrong = []
        if row is None:
            wrong += self._untold("did not begin")
        elif row.status not in ("succeeded", "unchanged"):
            reason = self.cloud.summary(run.run_id).reason
            if "." not in reason and ";" not in reason:
                wrong.append(f"no word on what to do: {reason}")
            wrong += self._untold(self._name)
        entered = self._entered(row) if row is not None else set()
        succeeded = row is not None and row.status == "succeeded"
        self._live = self._live or succeeded or _PROMOTION in entered

        def settled() -> bool:
            billed = self.cloud.billable()
            return not billed["jobs"] and len(self._endpoints(billed)) <= self._live

        if lost := self._serving - set(self.cloud.billable()["endpoints"]):
            wrong.append(f"lost: {', '.join(lost)}")
        try:
            eventually(settled, 60, doing=lambda: sorted(map(str, self.cloud.billable().items())))
        except AssertionError:
            wrong.append(f"left: {self.cloud.billable()}")
        self._serving = set(self._endpoints(self.cloud.billable()))
        return wrong

    def _untold(self, words: str) -> list[str]:
        """That no notice with some words in its subject came; a killed cloud forgets its queues."""
        if self.fault is Fault.CLOUD_KILLED:
            return []
        try:
            eventually(lambda: any(words in subject for subject in self._told()), 60)
        except AssertionError:
            return [f"nobody was told: {self._told()}"]
        return []

    def _endpoints(self, billed: Mapping[str, list[str]]) -> list[str]:
        return [name for name in billed["endpoints"] if self._name in name]

    def _entered(self, row: RunRow) -> set[str]:
        if row.execution_arn is None:
            return set()
        pages = self.cloud.stack.states.get_paginator("get_execution_history")
        found = pages.paginate(executionArn=row.execution_arn)
        entered = (e.get("stateEnteredEventDetails") for page in found for e in page["events"])
        return {str(details["name"]) for details in entered if details}

    def _give_up(self, run: _Run) -> None:
        """End a run of which nothing is heard any more, so that the next one can begin."""
        row = self.cloud.row(run.run_id)
        if row is not None and row.execution_arn is not None and not row.finished:
            self.cloud.stack.states.stop_execution(executionArn=row.execution_arn)

    def _tried(self, run: _Run, following: _Run) -> Iterator[Tried]:
        """The cells of a run, given the next one of its spec."""
        wrong = list(run.wrong)
        went_well = following.outcome.startswith(("succeeded", "unchanged"))
        if not (went_well or following.struck):
            wrong.append(f"the next run {following.outcome}")
        for state in run.struck:
            yield Tried(
                state=state,
                fault=str(self.fault),
                means=self.means[state].told,
                scenario=self.scenario.name,
                holds=not wrong,
                outcome=run.outcome[:600],
                wrong=tuple(wrong),
                seconds=round(run.seconds / len(run.struck), 1),
                commit=commit(),
                date=f"{datetime.now(UTC):%Y-%m-%d}",
            )

    def _end_endpoints(self) -> None:
        for endpoint in self._endpoints(self.cloud.billable()):
            self.cloud.stack.sagemaker.delete_endpoint(EndpointName=endpoint)
