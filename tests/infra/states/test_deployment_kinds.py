"""Each kind of deployment takes its own way through the states, by fields that it really writes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.states.definition_reader import State, next_states, reads
from stratos.hosting.build import build_deployment
from tests import factories
from tests.summaries import server

ROOT = "$.quality.deployment."
WAYS = {
    "realtime": "CreateModel",
    "serverless": "CreateServerlessModel",
    "async": "CreateAsyncModel",
    "scale_to_zero": "CreateComponentModel",
    "batch": "CreateBatchModel",
}


def written(mode: str) -> dict[str, Any]:
    """A deployment as the execution's data holds it."""
    constraints = {} if mode == "batch" else factories.spec().constraints.model_dump()
    spec = factories.spec(hosting={"mode": mode}, constraints=constraints)
    evidence = factories.match_evidence(server("ml.c7i.xlarge"), 400.0, mode)
    found: dict[str, Any] = json.loads(
        build_deployment(factories.order(spec, evidence)).model_dump_json()
    )
    return found


def chosen(state: State, deployment: dict[str, Any]) -> str:
    """Where a Choice leads; a path that is not there is an error but to `IsPresent`, as on AWS."""
    for rule in state["Choices"]:
        assert rule["Variable"].startswith(ROOT)
        path = rule["Variable"].removeprefix(ROOT)
        if "IsPresent" in rule:
            field, _, inner = path.partition(".")
            holds = (inner in deployment[field]) is rule["IsPresent"]
        else:
            holds = (deployment[path] is None) is rule["IsNull"]
        if holds:
            return str(rule["Next"])
    return str(state["Default"])


@pytest.mark.parametrize("mode", WAYS)
def test_a_deployment_is_made_by_the_states_of_its_kind(states, mode):
    assert chosen(states["IsAsynchronous"], written(mode)) == WAYS[mode]


@pytest.mark.parametrize("mode", WAYS)
def test_only_a_batch_waits_for_no_turn(states, mode):
    way = chosen(states["IsBatch"], written(mode))
    assert way == ("CreateBatchModel" if mode == "batch" else "TakeTurn")


@pytest.mark.parametrize("mode", WAYS)
def test_every_field_that_its_states_read_is_written(states, mode):
    deployment, pending, seen = written(mode), [WAYS[mode]], set()
    while pending:
        name = pending.pop()
        if name in seen or name in ("MeasureEndpoint", "MeasureBatch"):
            continue
        seen.add(name)
        pending += next_states(states[name])
        for path in reads(states[name]):
            if path.startswith(ROOT):
                found: Any = deployment
                for part in path.removeprefix(ROOT).split("[")[0].split("."):
                    assert isinstance(found, dict), f"{name} reads {path}"
                    assert part in found, f"{name} reads {path}"
                    found = found[part]
                    if found is None:
                        break  # what follows is read only where this is not null
