"""The state tables and the reviewer's pages, generated from the synthesized templates.

python -m infra.docs            write docs/states.md, docs/review.md and docs/review-regions.md
python -m infra.docs --check    fail when a page is not what the template says
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.app import EXAMPLE_REGIONS, ROOT, synthesize, synthesize_regions
from infra.review.page import REVIEW_PAGE, review_page
from infra.review.regions_page import REGIONS_PAGE, regions_page
from infra.states.definition_reader import (
    State,
    caught_by,
    definition_of,
    next_states,
    reads,
    states_of,
)

PAGE = "states.md"
_WORKERS = tuple(EXAMPLE_REGIONS["stratos:worker_regions"].split(","))

_INTRODUCTION = """\
# The states of a run

One execution of the state machine `stratos` is one run. Its data is one JSON object: each state
reads some of its fields and adds one; `stratos/pipeline/steps.py` says what they hold. The first
table follows a run that goes well; the second lists the other states.

A failure anywhere ends in CleanUp, ReportFailure and Failed, with the error's own name. An
execution that is stopped or times out runs no further state: its status change calls the same
CleanUp function from outside.

This page is generated from the synthesized template by `python -m infra.docs`.
"""
_ELSEWHERE = """\
## A job or an endpoint of another region

With [worker regions](deploy.md#several-regions), each state that runs a training job has a choice
before it. A job that names a region is handed over by the state `<job>Elsewhere`, such as
DistillElsewhere: it calls the function `stratos-hand-over` and waits for a task token, whose answer
is what the training job would have told. A worker that says nothing for half an hour is given up.
An error there is diagnosed as one at home, and the next attempt may go to another region.

The job runs as an execution of that region's state machine `stratos-worker`, under the job's name;
so does an endpoint, under its own. `stratos/pipeline/worker_jobs.py` and `region_endpoints.py` say
what their fields hold. Whatever fails there ends in GiveUp or GiveUpEndpoint, which ends what there
is and tells home. An execution that is stopped or times out runs no further state:
its status change calls the same function from outside.
"""
_SERVED = """\
## A model that several regions serve

With worker regions, IsBatch leads to StageRegions where the plan does not serve at home alone.
These are the states of home that a stack without worker regions does not have. StageEverywhere goes
through all regions at once: home makes its own endpoint, any other region is handed it by
HandOverEndpoint. [Regions](regions.md#how-a-model-is-served-there) says why in this order.
"""
_HEADER = "| State | Does | Reads | Adds | On an error | Then |\n|---|---|---|---|---|---|\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail on a difference")
    check = parser.parse_args().check
    synthesize()
    regions = synthesize_regions()
    template = _read(ROOT / "cdk.out" / "Stratos.template.json")
    home = _read(regions / "Stratos.template.json")
    worker = _read(regions / f"Stratos-{_WORKERS[0]}.template.json")
    handlers = ROOT / "lambdas" / "handlers"
    pages = {
        PAGE: states_page(template, home, worker),
        REVIEW_PAGE: review_page(template, handlers),
        REGIONS_PAGE: regions_page(home, worker, handlers, regions=_WORKERS),
    }
    stale = 0
    for name, content in pages.items():
        page = ROOT / "docs" / name
        if page.exists() and page.read_text(encoding="utf-8") == content:
            continue
        if check:
            stale = 1
            sys.stderr.write(f"docs/{name} is out of date; run python -m infra.docs\n")
        else:
            page.write_text(content, encoding="utf-8")
    return stale


def _read(path: Path) -> dict[str, Any]:
    template: dict[str, Any] = json.loads(path.read_text())
    return template


def states_page(
    template: Mapping[str, Any], home: Mapping[str, Any], worker: Mapping[str, Any]
) -> str:
    """`docs/states.md`.

    Args:
        template: Of a stack without worker regions.
        home: Template of a stack with some.
        worker: Template of a worker region.
    """
    rows = _rows(template)
    good = _good_way(definition_of(template))
    return (
        f"{_INTRODUCTION}\n## When all goes well\n\n{_HEADER}"
        + "".join(rows[name] for name in good)
        + f"\n## All else\n\n{_HEADER}"
        + "".join(row for name, row in rows.items() if name not in good)
        + f"\n{_ELSEWHERE}\n{_HEADER}"
        + "".join(_rows(worker).values())
        + f"\n{_SERVED}\n{_HEADER}"
        + "".join(
            row for name, row in _rows(home).items() if name not in rows and "Elsewhere" not in name
        )
    )


def _rows(template: Mapping[str, Any]) -> dict[str, str]:
    """State → its row, from the first state on."""
    functions = {
        name: resource["Properties"]["FunctionName"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    states = states_of(definition_of(template))
    return {name: _row(name, state, functions) for name, state in states}


def _good_way(definition: Mapping[str, Any]) -> list[str]:
    """The states of a run that succeeds at the first attempt, on a spec with no endpoint yet."""
    states = definition["States"]
    way = [definition["StartAt"]]
    turns = {
        "IsUnchanged": "PlanCandidates",
        "SplitSynthesize": "Synthesize",
        "SplitEvaluate": "Evaluate",
        "NeedsApproval": "IsBatch",
        "IsBatch": "TakeTurn",
        "IsAsynchronous": "CreateModel",
        "IsEndpointLive": "CreateEndpoint",
    }
    while following := next_states(states[way[-1]]):
        way.append(turns.get(way[-1], following[0]))
    return way


def _row(name: str, state: State, functions: Mapping[str, str]) -> str:
    errors = "; ".join(
        f"{'any' if error == 'States.ALL' else f'`{error}`'} → {following}"
        for error, following in caught_by(state).items()
    )
    adds = state.get("ResultPath", "") or ""
    cells = (
        f"**{name}**",
        _kind(state, functions),
        " ".join(f"`{path}`" for path in _summed_up(reads(state))),
        f"`{adds}`" if adds else "",
        errors,
        " or ".join(dict.fromkeys(next_states(state))),
    )
    return "| " + " | ".join(cells) + " |\n"


def _summed_up(paths: list[str]) -> list[str]:
    """Three paths or more with one parent become the parent."""
    parents = Counter(path.rpartition(".")[0] for path in paths)
    shared = {parent for parent, count in parents.items() if count >= 3 and parent != "$"}
    return list(
        dict.fromkeys(
            parent if (parent := path.rpartition(".")[0]) in shared else path for path in paths
        )
    )


def _kind(state: State, functions: Mapping[str, str]) -> str:
    """What a state does, in a few words."""
    if state["Type"] != "Task":
        return str(state.get("Comment", state["Type"]))
    resource = str(state["Resource"])
    waits = resource.endswith(".waitForTaskToken")
    called = str(state["Parameters"]["FunctionName"]) if waits else resource
    logical_id = called.strip("<>").removesuffix(".Arn")
    if logical_id in functions:
        whose = "a region's" if "staged.$" in str(state["Parameters"]) else "a person's"
        answer = f", then {whose} answer" if waits else ""
        return f"function `{functions[logical_id]}`{answer}"
    if resource.endswith("createTrainingJob.sync"):
        return "training job"
    if resource.endswith(":createTrainingJob"):
        return "begins a training job"
    if resource.endswith("createTransformJob.sync"):
        return "transform job"
    return "`" + ".".join(resource.split(":")[-2:]) + "`"


if __name__ == "__main__":
    sys.exit(main())
