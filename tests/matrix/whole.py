"""The matrix with real processes: campaigns in an embedded cloud that can strike executions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from itertools import groupby, product
from pathlib import Path

from infra.states.definition_reader import State, definition_of, states_of
from tests.integration.pipeline.cloud import ASSEMBLY, running_cloud
from tests.matrix.campaign import Campaign
from tests.matrix.faults import Fault
from tests.matrix.means import means_for
from tests.matrix.part import Part
from tests.matrix.results import Tried, commit, tried
from tests.matrix.scenarios import SCENARIOS, Scenario
from tests.matrix.struck_server import MODULE

_SURVIVED = (
    *(Fault.THROTTLED, Fault.EVENT_TWICE, Fault.PROCESS_KILLED, Fault.ERROR),
    *(Fault.OUT_OF_MEMORY, Fault.DISK_FULL, Fault.TIMED_OUT),
)
"""A run survives them, mostly: many cells cost one run. The others cost a run each."""


def states() -> dict[str, State]:
    """Of the stack that `make synth` has made."""
    template = json.loads((ASSEMBLY / "Stratos.template.json").read_text())
    return dict(states_of(definition_of(template)))


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
    way at all other states.

    Args:
        again: Also what this commit has run.
        untried: Only what no commit has run.
    """
    found = states()
    done = (
        set()
        if again
        else {key for key, one in tried().items() if untried or one.commit == commit()}
    )
    ways = {
        fault: {
            state: means_for(found[state], fault)[:most_ways]
            for state in found
            if wanted(state, fault)
        }
        for fault in Fault
    }
    for scenario, fault in _in_turn(scenarios):
        of_states = ways[fault]
        for number in range(max(map(len, of_states.values()), default=0)):
            means = {
                state: one[number]
                for state, one in of_states.items()
                if len(one) > number and scenario.strikes(state)
            }
            yield Part(scenario, fault, means).without(done)


def _in_turn(names: tuple[str, ...]) -> Iterator[tuple[Scenario, Fault]]:
    """Every scenario with every fault: first with those that runs survive."""
    wanted = [one for one in SCENARIOS if one.name in names]
    for tier in (_SURVIVED, tuple(fault for fault in Fault if fault not in _SURVIVED)):
        yield from product(wanted, tier)


def run(found: Iterator[Part], folder: Path, until: float) -> Iterator[Tried]:
    """Run campaigns in a cloud of their own, as long as there is time.

    Args:
        found: What a scenario has shown already is not tried again in a later one.
        until: As `time.monotonic` counts.
    """
    template = json.loads((ASSEMBLY / "Stratos.template.json").read_text())
    modules = {
        f"<{name}.Arn>": resource["Properties"]["Handler"].split(".")[2]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
        and resource["Properties"].get("Handler", "").startswith("lambdas.")
    }
    seen: set[tuple[str, str, str]] = set()
    with running_cloud(folder / "cloud", server=MODULE, rollout_scale=0.005) as cloud:
        for scenario, of_scenario in groupby(found, lambda part: part.scenario):
            if time.monotonic() > until:
                break
            campaign = Campaign(cloud, folder, scenario, states(), modules)
            left = (part.without(seen) for part in of_scenario)
            for cell in campaign.run(left, until):
                seen.add(cell.key)
                yield cell
