"""A run from its beginning: what each state took and cost beside its forecast, and what is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from stratos.cli.run_costs import RunCosts
from stratos.cli.runs import read_object
from stratos.cli.stack import Stack
from stratos.contracts.bucket import RunKeys
from stratos.contracts.match import MatchEvidence
from stratos.contracts.plan import PlannedStep, PlanSet
from stratos.contracts.run import RunRow
from stratos.pipeline.phases import PHASE_OF_JOB, PHASE_OF_STATE, phase_seconds
from stratos.report.figures import duration
from stratos.units import dollars

COSTS_EVERY_SECONDS = 10.0
_PHASE_OF_STEP = PHASE_OF_JOB | {"deploy": "Deploy"}
_NO_FORECAST: Mapping[str, PlannedStep] = {}


@dataclass(frozen=True)
class PhaseRow:
    """One phase of a run, begun or still to come.

    Attributes:
        seconds: That it has taken; None before it begins.
        usd: That it has cost; None where that is not known.
    """

    name: str
    seconds: float | None
    usd: float | None
    forecast_seconds: float | None
    forecast_usd: float | None
    under_way: bool = False

    @property
    def told(self) -> str:
        """`Distill: 4 min 10 s (forecast 3 min 55 s), $0.12 (forecast $0.10)`."""
        parts = [duration(self.seconds or 0.0) + _beside(self.forecast_seconds, duration)]
        if self.usd is not None:
            parts.append(dollars(self.usd) + _beside(self.forecast_usd, dollars))
        return f"{self.name}: {', '.join(parts)}"


@dataclass(frozen=True)
class RunStory:
    """A run at one moment.

    Attributes:
        seconds: Since its first state was entered.
        usd: Spent so far; None where that is not known.
        forecast_usd: Of the whole run; None before there is a plan.
        seconds_left: Until its model is deployed, by forecast; None where nothing says.
    """

    phases: tuple[PhaseRow, ...]
    seconds: float
    usd: float | None
    forecast_usd: float | None
    seconds_left: float | None

    @property
    def told(self) -> str:
        """`12 min 05 s so far, $0.21 of about $0.44, about 9 min 10 s left`."""
        parts = [f"{duration(self.seconds)} so far"]
        if self.usd is not None:
            of = "" if self.forecast_usd is None else f" of about {dollars(self.forecast_usd)}"
            parts.append(dollars(self.usd) + of)
        return ", ".join(filter(None, (*parts, self.told_left)))

    @property
    def told_left(self) -> str:
        """`about 9 min 10 s left by forecast`; empty where nothing says."""
        if self.seconds_left is None:
            return ""
        if self.seconds_left < 1:
            return "its forecast time is over"
        return f"about {duration(self.seconds_left)} left by forecast"

    def phase(self, name: str) -> PhaseRow | None:
        return next((row for row in self.phases if row.name == name), None)

    def around_now(self, num_phases: int) -> RunStory:
        """The same with at most so many phases: what is under way, and what is next to it."""
        under_way = [place for place, row in enumerate(self.phases) if row.under_way]
        now = under_way[0] if under_way else len(self.phases)
        most = max(1, num_phases)
        first = max(0, min(now - most // 2, len(self.phases) - most))
        return replace(self, phases=self.phases[first : first + most])

    def as_json(self) -> dict[str, Any]:
        """For scripts; a phase that has not begun has null seconds."""
        return {
            "phases": [
                {
                    "name": row.name,
                    "seconds": row.seconds,
                    "usd": row.usd,
                    "forecast_seconds": row.forecast_seconds,
                    "forecast_usd": row.forecast_usd,
                }
                for row in self.phases
            ],
            "seconds": self.seconds,
            "usd": self.usd,
            "forecast_usd": self.forecast_usd,
            "seconds_left": self.seconds_left,
        }


@dataclass
class StoryTeller:
    """Reads what a run has done: only what is new of its history, its bill now and then."""

    stack: Stack
    run_id: str
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _events: list[Mapping[str, Any]] = field(default_factory=list, init=False, repr=False)
    _first: PlanSet | None = field(default=None, init=False, repr=False)
    _matched: MatchEvidence | None = field(default=None, init=False, repr=False)
    _usd: dict[str, float] | None = field(default=None, init=False, repr=False)
    _read_at: float | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._costs = RunCosts(self.stack, self.run_id, self.now)

    def state(self, run: RunRow) -> str | None:
        """Read on in the history; the state that was entered last."""
        self._read_history(run.execution_arn)
        for event in reversed(self._events):
            if entered := event.get("stateEnteredEventDetails"):
                return str(entered["name"])
        return None

    def story(self, run: RunRow, state: str | None, seconds_left: float | None) -> RunStory | None:
        """What is known; None before the first state.

        Args:
            seconds_left: That the job under way says it needs.
        """
        if not self._events:
            return None
        seconds = phase_seconds(self._events, run.ended_at or self.now())
        self._read_files(run)
        current = None
        if state is not None and not run.finished:
            current = PHASE_OF_STATE.get(state) or next(reversed(seconds), None)
        return tell(seconds, self._usd, self._forecast(), current, seconds_left)

    def _read_history(self, arn: str) -> None:
        """Read the newest events first, until those that are known."""
        known = int(self._events[-1]["id"]) if self._events else 0
        fresh: dict[int, Mapping[str, Any]] = {}
        more: dict[str, str] = {}
        while True:
            try:
                page = self.stack.states.get_execution_history(
                    executionArn=arn, reverseOrder=True, maxResults=1000, **more
                )
            except self.stack.states.exceptions.ExecutionDoesNotExist:
                return  # Step Functions forgets it after 90 days
            fresh |= {int(event["id"]): event for event in page["events"] if event["id"] > known}
            reached = any(int(event["id"]) <= known for event in page["events"])
            if reached or not page.get("nextToken"):
                break
            more = {"nextToken": page["nextToken"]}
        self._events += [fresh[number] for number in sorted(fresh)]

    def _read_files(self, run: RunRow) -> None:
        moment = self.clock()
        lately = self._read_at is not None and moment - self._read_at < COSTS_EVERY_SECONDS
        if lately and not run.finished:
            return
        self._read_at = moment
        self._usd = self._costs.by_phase()
        keys = RunKeys(self.run_id)
        try:
            if self._first is None and (text := read_object(self.stack, keys.plans)):
                self._first = PlanSet.model_validate_json(text)
            if text := read_object(self.stack, keys.match):
                self._matched = MatchEvidence.model_validate_json(text)
        except ValidationError:  # of a stack of another release
            return

    def _forecast(self) -> Mapping[str, PlannedStep]:
        """Phase → step, as first planned, and once matched as matched."""
        steps = () if self._first is None else self._first.chosen.steps
        matched = () if self._matched is None else self._matched.plan.steps
        return {_PHASE_OF_STEP[step.step]: step for step in (*steps, *matched)}


def tell(
    seconds: Mapping[str, float],
    usd: Mapping[str, float] | None,
    forecast: Mapping[str, PlannedStep],
    current: str | None,
    job_seconds_left: float | None = None,
) -> RunStory:
    """Put what was measured beside what was forecast.

    Args:
        seconds: Of each phase that has begun, in their order.
        usd: Of each phase that has cost any; None where nothing is known.
        forecast: Of each phase that has one.
        current: The phase under way; None once the run is over.
        job_seconds_left: That the job under way says it needs.
    """

    def row(name: str) -> PhaseRow:
        step, begun = forecast.get(name), name in seconds
        cost = None if usd is None or not begun else usd.get(name, 0.0)
        return PhaseRow(
            name=name,
            seconds=seconds.get(name),
            usd=cost if step is not None or cost else None,
            forecast_seconds=None if step is None else 3600 * step.hours,
            forecast_usd=None if step is None else step.usd,
            under_way=name == current,
        )

    to_come = [name for name in forecast if name not in seconds] if current else []
    phases = tuple(row(name) for name in (*seconds, *to_come))
    left = [_left(each, job_seconds_left) for each in phases if each.under_way or not each.seconds]
    return RunStory(
        phases=phases,
        seconds=sum(seconds.values()),
        usd=None if usd is None else sum(usd.values()),
        forecast_usd=sum(step.usd for step in forecast.values()) if forecast else None,
        seconds_left=sum(left) if forecast and current else None,
    )


def _left(row: PhaseRow, job_seconds_left: float | None) -> float:
    if row.under_way and job_seconds_left is not None:
        return job_seconds_left
    return max(0.0, (row.forecast_seconds or 0.0) - (row.seconds or 0.0))


def story_table(story: RunStory, state: str | None) -> Table:
    """Every phase with its mark, actual beside forecast, and the whole run beneath."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("")
    table.add_column("state")
    for title in ("time", "forecast", "spent", "forecast"):
        table.add_column(title, justify="right")
    for row in story.phases:
        begun = row.seconds is not None
        name = Text(row.name, "" if begun else "dim")
        mark = Text("●", "cyan") if row.under_way else Text("✓", "green")
        if row.under_way and state is not None and state != row.name:
            name.append(f" ({state})", "dim")
        table.add_row(
            mark if begun else Text("·", "dim"),
            name,
            _shown(row.seconds, duration),
            Text(_shown(row.forecast_seconds, duration), "dim"),
            _shown(row.usd, dollars),
            Text(_shown(row.forecast_usd, dollars), "dim"),
        )
    return table


def history_lines(phases: Sequence[PhaseRow]) -> list[str]:
    """What was over before anybody watched, a line each."""
    return [row.told for row in phases if row.seconds is not None and not row.under_way]


def _shown(value: float | None, words: Callable[[float], str]) -> str:
    return "" if value is None else words(value)


def _beside(forecast: float | None, words: Callable[[float], str]) -> str:
    return "" if forecast is None else f" (forecast {words(forecast)})"
