"""One fault against every state that a scenario's runs come by, with real processes.

A fault that a run survives strikes it at state after state; one that ends it strikes the next run
at the next state. Now and then a run is not struck: it has to end well, and shows that nothing
that was struck before it stands in its way.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.states.definition_reader import State
from stratos.contracts.run import RunRow
from tests.integration.pipeline.cloud import PATIENCE_SECONDS, Cloud, eventually
from tests.matrix.cells import says_what_to_do
from tests.matrix.faults import Fault, kind_of
from tests.matrix.means import Means, deliver, require_no_second_run
from tests.matrix.orders import BROKEN, WORKER, Order, Orders
from tests.matrix.part import Part
from tests.matrix.results import Tried, commit
from tests.matrix.scenario import Scenario
from tests.matrix.standing import Answering, Standing
from tests.matrix.struck import Struck, step_of
from tests.matrix.struck_run import ENDINGS, StruckRun

_OF_FIRST_RUN = {
    *("CreateEndpoint", "CreateComponentConfig", "CreateComponentEndpoint", "AwaitEndpoint"),
    *("CreateInferenceComponent", "AwaitNewComponent"),
}
"""States that a run comes by which finds nothing of its spec in service."""
UNPROVEN_RUNS = 24
"""So many runs are struck before one is not."""
_LOOK_SECONDS = 0.05
"""Between two looks at the strikes, which lie in a file."""
_ASK_SECONDS = 1.0
"""Between two looks at the run, which the cloud answers on the same cores."""
_SETTLED_SECONDS = 60


@dataclass
class Campaign:
    """Runs of one scenario, struck by one fault after the other."""

    cloud: Cloud
    folder: Path
    scenario: Scenario
    states: Mapping[str, State]
    modules: Mapping[str, str]
    """Function, as the definition names it → its handler's module."""
    _name: str = field(default="", init=False)
    _run_ids: list[str] = field(default_factory=list, init=False)
    _unproven: list[StruckRun] = field(default_factory=list, init=False)
    _fault: Fault = field(default=Fault.ERROR, init=False)
    _left: dict[str, Means] = field(default_factory=dict, init=False)
    _written: int = field(default=0, init=False)
    """The number of the latest spec."""
    _missed: set[str] = field(default_factory=set, init=False)
    """States that runs of the scenario do not come by."""

    def __post_init__(self) -> None:
        self._begin_anew()
        self._orders = Orders(self.cloud.settings.state_dir)

    def _begin_anew(self) -> None:
        """Under a name that no run has had, with nothing in service."""
        if self._run_ids:
            self._standing().end()
        words = f"{len(list(self.folder.iterdir()))}-{self.scenario.name}"
        self._name = words.replace("_", "-")
        self._run_ids = []

    def run(self, parts: Iterable[Part], until: float) -> Iterator[Tried]:
        """Strike until nothing is left, or the time is over; then let a run end well.

        Args:
            until: As `time.monotonic` counts; no run is begun after it.

        Yields:
            The cells of runs, once a run that was not struck after them has ended.
        """
        with self.scenario.around(self.cloud):
            for part in parts:
                if time.monotonic() > until:
                    break
                yield from self._strike_all(part, until)
            yield from self._prove()
        self._standing().end()

    def _strike_all(self, part: Part, until: float) -> Iterator[Tried]:
        """Strike run after run, until one comes by no state that is left."""
        self._fault = part.fault
        endings = {name: one for name, one in part.means.items() if name in ENDINGS}
        others = part.means.keys() - endings.keys() - self._missed
        self._left = {name: part.means[name] for name in others}
        if self._left and self.scenario.follows and not self._run_ids:
            yield from self._prove(self._run({}))
        while self._left and time.monotonic() < until:
            first = _OF_FIRST_RUN & self._left.keys()
            if first and self._standing().in_charge():
                yield from self._prove()
                self._begin_anew()
            run = self._run({state: means.order for state, means in self._left.items()})
            if run.struck:
                self._unproven.append(run)
            elif run.wrong or not (run.went_well or self.scenario.leads):
                yield from self._prove(run)
                break
            elif run.went_well or run.led:  # it has shown what it does not come by
                self._missed |= first or self._left.keys()
                self._left = {name: self._left[name] for name in self._left.keys() - self._missed}
            else:
                break
            if len(self._unproven) >= UNPROVEN_RUNS:
                yield from self._prove()
        while endings and self.scenario.measured_at and time.monotonic() < until:
            yield from self._prove()
            self._left = dict(endings)
            run = self._fail_over_an_endpoint(self.scenario.measured_at)
            endings = self._left
            if not run.struck:
                run.struck = {state: means.told for state, means in endings.items()}
                run.wrong.append("the run came by no ending")
                endings = {}
            self._unproven.append(run)
            yield from self._prove()

    def _fail_over_an_endpoint(self, measured_at: str) -> StruckRun:
        """A run that fails when its endpoint is there, struck as it cleans up."""
        self._begin_anew()
        endings = {state: means.order for state, means in self._left.items()}
        return self._run(endings, {measured_at: BROKEN})

    def _run(
        self, orders: Mapping[str, Order], leads: Mapping[str, Order] | None = None
    ) -> StruckRun:
        """One run from its submission to its end.

        Args:
            leads: State → what leads the run to where it is struck; the scenario's, if None. A run
                that is not struck is not led.
        """
        started = time.monotonic()
        led = {} if not orders else self.scenario.leads if leads is None else leads
        struck = [name for name in orders if kind_of(self.states[name]) == "job"]
        runs_itself = not orders or self.scenario.chooses_otherwise
        steps = [""] if runs_itself else [step_of(name) for name in struck]
        keeps = not orders or self._fault is not Fault.INPUTS_GONE
        self._orders.give({**orders, **led}, self.scenario.name, steps, keeps=keeps)
        self.scenario.prepare(self.cloud)
        folder = self.scenario.write(self.folder / self._name, self._name, self._number(orders))
        known = {one["executionArn"] for one in self.cloud.executions()}
        told, before = self.cloud.notifications(), self._standing().in_charge()
        run = StruckRun(self.cloud.submit(folder), self._fault)
        self._run_ids.append(run.run_id)
        try:
            run.row = self._follow(run, known)
            run.outcome = self._outcome(run)
            run.look_whether_ended_there()
            run.wrong += [*self._untold(run, told), *self._second_run(run)]
            run.wrong += self._left_behind(run, before)
            if run.row is not None and not run.struck and run.went_well:
                run.wrong += self.scenario.missed_by(self.cloud, run.row)
        except AssertionError as error:
            run.outcome = "nothing moved any more"
            run.wrong.append(str(error))
            self._give_up(run)
        self._orders.give({})
        run.seconds = time.monotonic() - started
        return run

    def _number(self, orders: Mapping[str, Order]) -> int:
        """Of the spec that a run has."""
        if not orders or not self.scenario.same:
            self._written = len(self._run_ids)
        return self._written

    def _outcome(self, run: StruckRun) -> str:
        if run.row is None:
            return "never began: its execution ended before it had claimed the run"
        reason = self.cloud.summary(run.run_id).reason
        return f"{run.row.status}: {reason}".replace(str(self.folder), "…")

    def _follow(self, run: StruckRun, known: set[str]) -> RunRow | None:
        """Strike a run wherever it is held, until it is over.

        Args:
            known: ARNs of the executions that began before it.

        Returns:
            None if its execution ended before it had claimed a run.
        """

        asked_at, doing = -_ASK_SECONDS, self.cloud.doing(run.run_id)

        def look() -> tuple[RunRow | None] | None:
            nonlocal asked_at, doing
            self._look_for_strikes(run, known)
            if time.monotonic() - asked_at < _ASK_SECONDS:
                return None
            asked_at, doing = time.monotonic(), self.cloud.doing(run.run_id)
            row = self.cloud.row(run.run_id)
            if row is None:
                new = [e for e in self.cloud.executions() if e["executionArn"] not in known]
                over = new and all(one["status"] != "RUNNING" for one in new)
                return (None,) if over and run.struck else None
            if row.awaits_approval and self.scenario.approve:
                self.scenario.say_yes(self.cloud, row)
            return (row,) if row.finished else None

        found: tuple[RunRow | None] = eventually(
            look, PATIENCE_SECONDS, _LOOK_SECONDS, doing=lambda: (len(run.struck), doing)
        )
        self._look_for_strikes(run, known)
        return found[0]

    def _look_for_strikes(self, run: StruckRun, known: set[str]) -> None:
        for state, execution_arn in self._orders.struck().items():
            run.led |= state in self.scenario.leads
            if (means := self._left.pop(state, None)) is None:
                continue
            run.struck[state] = means.told
            run.executions[state] = execution_arn
            foreign = state.startswith(WORKER) and run.run_id not in execution_arn
            if foreign or execution_arn in known:
                run.wrong.append(f"at {state}: it was another run's")
            self._strike(run, state, means, execution_arn)

    def _strike(self, run: StruckRun, state: str, means: Means, execution_arn: str) -> None:
        if means.strike is None:
            return
        found = self.states[state]
        function = found.get("Parameters", {}).get("FunctionName", found.get("Resource"))
        module = self.modules.get(str(function), "")
        kind = kind_of(found)
        struck = Struck(self.cloud, run.run_id, execution_arn, state, kind, module)
        run.event = run.event or struck.event
        try:
            with means.strike(struck):
                self._orders.release(state)
        except AssertionError as error:
            run.wrong.append(f"at {state}: {error}")
        finally:
            self._orders.release(state)
        if struck.unhurt:
            run.unhurt.append(state)

    def _untold(self, run: StruckRun, told: Any) -> list[str]:
        """What is wrong with what was said of a run that did not end well."""
        if run.outcome.startswith(("succeeded", "unchanged")):
            return []
        wrong = []
        if run.row is not None and not says_what_to_do(self.cloud.summary(run.run_id).reason):
            wrong.append(f"no word on what to do: {run.outcome}")
        if self._fault is Fault.CLOUD_KILLED:  # it forgets its queues; the summary stands for them
            return wrong
        # What was struck as it claimed its run may have claimed it a moment later.
        words = ("did not begin", self._name) if run.row is None else (run.run_id,)

        def spoken() -> bool:
            return any(word in subject for subject in told() for word in words)

        try:
            eventually(spoken, _SETTLED_SECONDS)
        except AssertionError:
            wrong.append(f"nobody was told of {run.outcome}")
        return wrong

    def _second_run(self, run: StruckRun) -> list[str]:
        """What is wrong if the event comes once more when all is over."""
        if self._fault is not Fault.EVENT_TWICE or not run.event:
            return []
        try:
            require_no_second_run(self.cloud, deliver(self.cloud, run.event))
        except AssertionError as error:
            return [f"late: {error}"]
        return []

    def _left_behind(self, run: StruckRun, before: Mapping[Answering, str]) -> list[str]:
        """What is amiss with what stands there, unless it is mended within a minute.

        Args:
            before: What answered before the run, and goes on where the run has not taken its place.
        """
        standing = self._standing()

        def amiss() -> list[str]:
            now = standing.in_charge()
            replaced = run.run_id in now.values()
            gone = [] if replaced else [what for what in before if now.get(what) != before[what]]
            return [*standing.amiss(), *(f"lost: {what} of run {before[what]}" for what in gone)]

        try:
            eventually(lambda: not amiss(), _SETTLED_SECONDS)
        except AssertionError:
            return amiss()
        return []

    def _standing(self) -> Standing:
        return Standing(self.cloud, self._name, self._run_ids)

    def _give_up(self, run: StruckRun) -> None:
        """End a run of which nothing is heard any more, so that the next one can begin."""
        row = self.cloud.row(run.run_id)
        if row is not None and row.execution_arn is not None and not row.finished:
            self.cloud.stack.states.stop_execution(executionArn=row.execution_arn)

    def _prove(self, following: StruckRun | None = None) -> Iterator[Tried]:
        """The cells of runs, given the next run of their spec, which nothing has struck.

        Raises:
            RuntimeError: It has not gone well, and nothing was struck before it.
        """
        runs, self._unproven = self._unproven, []
        if following is None and runs:
            following = self._run({})
        after = []
        if following is not None and not following.proves:
            after.append(f"the next run {following.outcome} {'; '.join(following.wrong)}".strip())
        if after and not runs:
            raise RuntimeError(f"a run that nothing had struck: {after[0]}")
        for run in runs:
            wrong = (*run.wrong, *after)
            for state, told in run.struck.items():
                yield Tried(
                    state=state,
                    fault=str(run.fault),
                    means=told,
                    scenario=self.scenario.name,
                    holds=not wrong,
                    outcome=run.outcome_at(state)[:600],
                    wrong=wrong,
                    seconds=round(run.seconds / len(run.struck), 1),
                    commit=commit(),
                    date=f"{datetime.now(UTC):%Y-%m-%d}",
                )
