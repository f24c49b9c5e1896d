"""The matrix with real processes: campaigns in an embedded cloud that can strike executions."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import groupby, product
from pathlib import Path
from typing import Any

from infra.app import synthesize_regions
from infra.states.definition_reader import State, definition_of, states_of
from tests.integration.pipeline.cloud import ASSEMBLY, Cloud, running_cloud
from tests.integration.pipeline.regions import AWAY, running_regions
from tests.matrix.campaign import Campaign
from tests.matrix.cells import modules_of
from tests.matrix.faults import Fault
from tests.matrix.means import means_for
from tests.matrix.orders import WORKER
from tests.matrix.part import Part
from tests.matrix.results import Tried, commit, tried
from tests.matrix.scenario import Scenario
from tests.matrix.scenarios import SCENARIOS
from tests.matrix.struck_server import MODULE

_HEARTBEAT_SECONDS = 180
"""Of a worker region's silence: longer than a strike holds one of its executions."""
_ROLLOUT_SCALE = 0.005
"""Of the settings: what an update waits is a smaller part of a run than elsewhere."""

_SURVIVED = (
    *(Fault.THROTTLED, Fault.EVENT_TWICE, Fault.PROCESS_KILLED, Fault.ERROR),
    *(Fault.OUT_OF_MEMORY, Fault.DISK_FULL, Fault.TIMED_OUT),
)
"""A run survives them, mostly: many cells cost one run. The others cost a run each."""


@cache
def states() -> dict[str, State]:
    """Of the stack that `make synth` has made, of one with worker regions, and of a worker's."""
    alone, regions = _states_of(ASSEMBLY), synthesize_regions()
    others = {name: one for name, one in _states_of(regions).items() if name not in alone}
    workers = {f"{WORKER}{name}": one for name, one in _states_of(regions, AWAY).items()}
    return alone | others | workers


def _states_of(assembly: Path, worker: str = "") -> dict[str, State]:
    return dict(states_of(definition_of(_template(assembly, worker))))


def _template(assembly: Path, worker: str = "") -> dict[str, Any]:
    """Of home, or of a worker region."""
    name = f"Stratos-{worker}" if worker else "Stratos"
    found: dict[str, Any] = json.loads((assembly / f"{name}.template.json").read_text())
    return found


def parts(
    wanted: Callable[[str, Fault], bool],
    scenarios: tuple[str, ...],
    *,
    most_ways: int | None = None,
    again: bool = False,
    untried: bool = False,
) -> Iterator[Part]:
    """Campaigns with what this commit has not run yet; what costs least a cell comes first.

    Every way in which a fault shows itself at a state is in a campaign of its own, with the same
    way at all other states. A worker's execution has its job's name, under which no second begins.

    Args:
        again: Also what this commit has run.
        untried: Only what no commit has run.
    """
    found, alone = states(), _states_of(ASSEMBLY)
    done = (
        set()
        if again
        else {key for key, one in tried().items() if untried or one.commit == commit()}
    )
    met_in = _met_in()
    ways = {
        fault: {
            state: means_for(found[state], fault)[:most_ways]
            for state in found
            if wanted(state, fault)
            and not (fault is Fault.EVENT_TWICE and state.startswith(WORKER))
        }
        for fault in Fault
    }
    for scenario, fault in _in_turn(scenarios):
        of_states = ways[fault]
        for number in range(max(map(len, of_states.values()), default=0)):
            means = {
                state: one[number]
                for state, one in of_states.items()
                if len(one) > number
                and scenario.strikes(state)
                and scenario.abroad == (state not in alone)
                and (state not in met_in or scenario.name in met_in[state])
            }
            yield Part(scenario, fault, means).without(done)


def _met_in() -> dict[str, set[str]]:
    """State → the scenarios whose runs come by it: as they are led there, or as others have."""
    led, met = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for scenario in SCENARIOS:
        for state in scenario.comes_by:
            led[state].add(scenario.name)
    for one in tried().values():
        met[one.state].add(one.scenario)
    return {**met, **led}


def _in_turn(names: tuple[str, ...]) -> Iterator[tuple[Scenario, Fault]]:
    """Every scenario with every fault, cloud by cloud: first with those that runs survive."""
    wanted = [one for one in SCENARIOS if one.name in names]
    for abroad in (False, True):
        for tier in (_SURVIVED, tuple(fault for fault in Fault if fault not in _SURVIVED)):
            yield from product((one for one in wanted if one.abroad == abroad), tier)


def run(found: Iterator[Part], folder: Path, until: float) -> Iterator[Tried]:
    """Run campaigns in clouds of their own, as long as there is time.

    Args:
        found: What a scenario has shown already is not tried again in a later one.
        until: As `time.monotonic` counts.
    """
    seen: set[tuple[str, str, str]] = set()
    for abroad, of_cloud in groupby(found, lambda part: part.scenario.abroad):
        if time.monotonic() > until:
            break
        with _cloud(folder / ("regions" if abroad else "cloud"), abroad) as cloud:
            modules = modules_of(_template(cloud.assembly))
            if abroad:
                modules |= modules_of(_template(cloud.assembly, AWAY))
            for scenario, of_scenario in groupby(of_cloud, lambda part: part.scenario):
                if time.monotonic() > until:
                    break
                campaign = Campaign(cloud, folder, scenario, states(), modules)
                left = (part.without(seen) for part in of_scenario)
                for cell in campaign.run(left, until):
                    seen.add(cell.key)
                    yield cell


@contextmanager
def _cloud(folder: Path, abroad: bool) -> Iterator[Cloud]:
    """One whose executions can be struck; with a worker region, if runs go abroad."""
    options: dict[str, Any] = {"server": MODULE, "rollout_scale": _ROLLOUT_SCALE}
    if not abroad:
        with running_cloud(folder, **options) as cloud:
            yield cloud
        return
    with running_regions(folder, AWAY, heartbeat_seconds=_HEARTBEAT_SECONDS, **options) as regions:
        yield regions.cloud
