"""docs/matrix.md: what was tried, what came of it, and what was not tried."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import groupby
from typing import Any

from infra.app import EXAMPLE_REGIONS, ROOT, synthesize_regions
from tests.matrix.campaign import UNPROVEN_RUNS
from tests.matrix.cells import Cell, Matrix
from tests.matrix.faults import Fault, kind_of
from tests.matrix.machine import Interpreter
from tests.matrix.orders import WORKER
from tests.matrix.results import Tried, tried
from tests.matrix.scenarios import SCENARIOS
from tests.matrix.struck_run import UNHURT

Results = Mapping[tuple[str, str, str], Tried]
Possible = Mapping[str, Set[str]]
PAGE = ROOT / "docs" / "matrix.md"
COMMAND = "python -m tests.matrix"
_PROVED_LESS = frozenset(("27d707ec", "4fd60c0f"))
"""Commits at which the good run after others could be one that was brought jobs' files as well."""
_JUDGED_HARDER = frozenset(("c8ea8c9c", "ca1528c5", "a7d3fcb0", "f1a4c663", "c4c4e792"))
"""Commits at which all that the page says of a run is looked at."""
_KINDS = {
    "function": "calls a function",
    "answer": "calls a function and waits for an answer",
    "job": "waits for a job",
    "call": "calls an AWS API",
    "map": "Map",
    "choice": "Choice",
    "wait": "Wait",
    "pass": "Pass",
    "end": "Succeed, Fail",
}
_UPDATES = "python -m pytest -n0 -k no_request_fails tests/integration/local/sagemaker/endpoints"
_INTRODUCTION = f"""\
# Every fault at every state

A run may be struck at any state by any fault. What is promised: it ends well, or is explained in
words with what to do; nothing billable is left; what is in service stays in service; the next run
of the spec works. This page says where that was tried: the next run with real processes only.

The states are those of the synthesized templates: of a home with worker regions, which has every
state of a stack alone, and of a worker. A new state is in the matrix by itself; if it reads a
field or calls a function that `tests/matrix/data.py` does not know, or a fault strikes it in
vain, `make test` fails.

**In this process** (`tests/infra/states/test_every_fault.py`, part of `make test`): the very
definition runs through the embedded cloud's interpreter, from each state on, with fakes where AWS
and functions are called, and a clock that needs no time. Each fault is tried as often as it has
ways to show itself, for ever and for once; of the latter, a run is followed to its next state. A
machine that fails must have cleaned up and told by itself; for one that is cut short, or whose last
states are struck, the event of its end does both. The event that begins a run is delivered again
while the run is at the state, and once it is over.
A run that begins at a state has made only what it made from there on. Reasons are worded by the
product's own code. What a function does with AWS is not tried here, but in its own tests: CleanUp
here finds everything.

**With real processes** (`make matrix`, outside the gate): small specs run in an embedded cloud of
their own, with every function, job and endpoint a process; it has a worker region for the states
that only a stack with worker regions has, and for those of a worker, which are named `worker/…`. A
fault that a run survives strikes it at state after state; one that ends it strikes the next run at
the next state. A state that has a process is stopped, or its cloud killed, while the process works;
any other at its beginning. An execution that was over before it was stopped is told as one that was
not hindered. CleanUp and ReportFailure are struck in a run that fails when its endpoint is there,
of specs that have one.

What is done from outside: signals, limits of memory and files, deleted and changed inputs, events
sent again, executions stopped, the cloud killed. The cloud has two seams for the rest, in tests
only. One is in the interpreter of executions: it holds a run at a state, fails a call by the name
that AWS would give, puts an execution past its time limit, and lets a Choice find other data. The
other brings a job that is not struck what an earlier job of its step has made, so that a run takes
some ten seconds instead of a minute (`tests/matrix/brought_again.py`). A good run does not come by
every state: what leads a run to the others is told below. Where that is a verdict, such as that the
load is not held, it is put into the data of a Choice; no measurement has had it.

Time is shorter: retries and Wait states wait a twentieth of theirs, updates of endpoints a
two-hundredth, home gives a silent worker region up after three minutes, and a worker looks every
two seconds. Datasets count as large from ten bytes in some scenarios; in those with a worker
region, prices and refusals are such that training is cheapest there.

After each run: no job and no execution runs in any region; no alarm of a run is left; every
endpoint is that of the run in charge, in service and with its model; what answered before goes on,
unless the run has taken its place; a run that ended badly says what to do, and somebody was told
(of a killed cloud, which forgets its queues, only the summary is read). After at most
{UNPROVEN_RUNS} struck runs one is neither led, struck nor brought anything, and has to succeed,
with jobs and endpoints in both regions where there are two.

Each way in which a fault shows itself is a line in `tests/matrix/results/whole.jsonl`.
`make matrix SHARD=1/4` runs a quarter of what was not yet run at this commit;
`{COMMAND} whole --untried`, what was never run.

`{COMMAND} table` writes this page, `{COMMAND} figures` prints the figures. Neither form shows
what AWS itself does; see [not yet proven](not-yet-proven.md).
"""


def cells_of_templates() -> list[tuple[Matrix, list[Cell]]]:
    """Try every cell in this process, on the stacks of the example of several regions."""
    folder = synthesize_regions()
    worker = EXAMPLE_REGIONS["stratos:worker_regions"].split(",")[0]
    names = {"home": "Stratos", "worker": f"Stratos-{worker}"}
    with Interpreter() as interpreter:
        found = []
        for name, stack in names.items():
            template = json.loads((folder / f"{stack}.template.json").read_text())
            matrix = Matrix(name, template, interpreter)
            found.append((matrix, [cell for state in matrix.states for cell in matrix.row(state)]))
        return found


def write() -> None:
    """Write the page anew."""
    PAGE.write_text(text(cells_of_templates(), tried()), encoding="utf-8")


def figures() -> list[str]:
    """A line for each figure, with the command that prints it."""
    fast = [cell for _, cells in cells_of_templates() for cell in cells]
    return [f"{name}: {value} ({command})" for name, value, command in _figures(fast, tried())]


def text(machines: Sequence[tuple[Matrix, list[Cell]]], whole: Results) -> str:
    """The page."""
    fast = [cell for _, cells in machines for cell in cells]
    parts = [
        _INTRODUCTION,
        "## Figures\n",
        _table(("Figure", "Value", "Command"), _rows(fast, whole)),
    ]
    parts += ["\n## What is said\n", _SAID, *_said(machines)]
    for matrix, cells in machines:
        parts += [f"\n## In this process: {matrix.name}\n", _LEGEND, _grid(matrix, cells)]
    parts += ["\n## With real processes\n", _WHOLE, *_whole(_possible(machines), whole)]
    return "\n".join(parts) + "\n"


_SAID = "An example of each fault at each kind of state: how the run ends, in its own words.\n"
_LEGEND = "`+` holds, `x` does not, `–` cannot be: it has nothing that the fault could strike.\n"
_WHOLE = (
    "`+` holds, `x` does not, `·` was not run, `–` cannot be. Each line of the results has the "
    "commit of its inputs.\n"
)
_NAMED = re.compile(r"\b[a-z-]+-\d+-[0-9a-f]{8}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
"""Runs and requests, which are others each time."""


def _rows(fast: Sequence[Cell], whole: Results) -> list[tuple[str, ...]]:
    return [(name, value, f"`{command}`") for name, value, command in _figures(fast, whole)]


def _figures(fast: Sequence[Cell], whole: Results) -> Iterator[tuple[str, str, str]]:
    command = f"{COMMAND} figures"
    possible = [cell for cell in fast if cell.tried]
    holding = [cell for cell in possible if not cell.wrong]
    ways = sum(cell.tried for cell in possible)
    yield "states", str(len({(cell.machine, cell.state) for cell in fast})), command
    yield "in this process: cells that hold", f"{len(holding)} of {len(possible)}", command
    yield "in this process: ways in which faults were tried", str(ways), command
    yield "cells that cannot be", str(len(fast) - len(possible)), command
    ran = {(one.state, one.fault) for one in whole.values()}
    broken = {(one.state, one.fault) for one in whole.values() if not one.holds}
    found = f"{len(ran - broken)} of {len(ran)} that were run, of {len(possible)} that can be"
    yield "with real processes: cells that hold", found, command
    yield "with real processes: ways in which faults were tried", str(len(whole)), command
    unhurt = sum(one.outcome == UNHURT for one in whole.values())
    yield "of these, ways that did not hinder the state's process", str(unhurt), command
    wrong = [told for one in (*possible, *whole.values()) for told in one.wrong]
    yield "orphans (billable, and nobody's)", str(sum("left:" in one for one in wrong)), command
    lost = sum("nobody was told" in one or "nothing moved" in one for one in wrong)
    yield "runs lost (ended, and nobody was told)", str(lost), command
    yield "requests failed during update and rollback", "0, or its test fails", _UPDATES
    kills = _result("kills")["tried"]
    survived = sum(not one["wrong"] for one in kills)
    yield "kills of the embedded cloud survived", f"{survived} of {len(kills)}", "make kills"
    fuzzed = _result("fuzz")["targets"].values()
    inputs, failures = (sum(one[name] for one in fuzzed) for name in ("inputs", "failures"))
    yield "inputs fuzzed", f"{inputs}, of which {failures} failed", "make fuzz"


def _result(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / f"benchmarks/results/{name}.json").read_text())
    return found


def _said(machines: Sequence[tuple[Matrix, list[Cell]]]) -> Iterator[str]:
    rows: dict[tuple[str, str], str] = {}
    for matrix, cells in machines:
        for cell in cells:
            kind = _KINDS[kind_of(matrix.states[cell.state])]
            told = cell.outcome
            rows[kind, cell.fault] = max(rows.get((kind, cell.fault), ""), told, key=len)
    order = {kind: number for number, kind in enumerate(_KINDS.values())}
    told = sorted(
        rows.items(), key=lambda row: (order[row[0][0]], list(Fault).index(Fault(row[0][1])))
    )
    yield _table(
        ("State", "Fault", "Outcome"), [(kind, fault, words) for (kind, fault), words in told]
    )


def _grid(matrix: Matrix, cells: Sequence[Cell]) -> str:
    marks = {
        (cell.state, cell.fault): "–" if not cell.tried else "x" if cell.wrong else "+"
        for cell in cells
    }
    rows = [(state, *(marks[state, fault] for fault in Fault)) for state in matrix.states]
    return _table(("State", *(str(fault) for fault in Fault)), rows)


def _possible(machines: Sequence[tuple[Matrix, list[Cell]]]) -> Possible:
    """State, named as in the results → the faults that can strike it."""
    return {
        f"{WORKER if number else ''}{state}": {
            str(one.fault) for one in cells if one.state == state and one.tried
        }
        for number, (matrix, cells) in enumerate(machines)
        for state in matrix.states
    }


def _whole(possible: Possible, whole: Results) -> Iterator[str]:
    tables = {one.name: one.told for one in SCENARIOS}
    yield _table(("Scenario", "Its runs, or what befalls them"), list(tables.items())) + "\n"
    cells = {(one.state, one.fault) for one in whole.values()}
    broken = {(one.state, one.fault) for one in whole.values() if not one.holds}
    met = [state for state in possible if any(state == one for one, _ in cells)]
    rows = [
        (state, *(_mark(possible, state, fault, cells, broken) for fault in Fault)) for state in met
    ]
    yield _table(("State", *(str(fault) for fault in Fault)), rows)
    others = [state for state, faults in possible.items() if faults and state not in met]
    if others:
        yield f"\nNot struck so far: {', '.join(others)}.\n"
    yield "How runs ended, or that they went on, in their own words:\n"
    lines = sorted(whole.values(), key=lambda one: (one.outcome, one.fault, one.state))
    yield _table(("Outcome", "Fault", "Done by", "At", "Result"), list(_outcomes(lines)))
    if less := sum(one.commit in _PROVED_LESS for one in whole.values()):
        commits = " and ".join(sorted(_PROVED_LESS))
        yield (
            f"\n{less} of these ways, at {commits}, were followed by a good run that may have been "
            "brought jobs' files too.\n"
        )
    if weaker := sum(one.commit not in _JUDGED_HARDER for one in whole.values()):
        commits = ", ".join(sorted(_JUDGED_HARDER))
        yield (
            f"\n{weaker} of these ways were judged before {commits}: nobody looked at alarms, at "
            "executions in other regions, or whether what answered before the run was the same "
            "after it.\n"
        )
    dates = sorted({f"{one.date} ({one.commit})" for one in whole.values()})
    yield f"\nRun on {', '.join(dates) or 'no day yet'}.\n"


def _mark(
    possible: Possible,
    state: str,
    fault: Fault,
    cells: set[tuple[str, str]],
    broken: set[tuple[str, str]],
) -> str:
    if str(fault) not in possible[state]:
        return "–"
    if (state, str(fault)) not in cells:
        return "·"
    return "x" if (state, str(fault)) in broken else "+"


def _outcomes(lines: Sequence[Tried]) -> Iterator[tuple[str, ...]]:
    """One row for all states at which the same came of the same."""
    for (outcome, fault, means), group in groupby(sorted(lines, key=_same), key=_same):
        found = list(group)
        wrong = sorted({told for one in found for told in one.wrong})
        states = ", ".join(sorted({one.state for one in found}))
        yield outcome, fault, means, states, "holds" if not wrong else "; ".join(wrong)


def _same(one: Tried) -> tuple[str, str, str]:
    return _NAMED.sub("…", one.outcome), one.fault, one.means


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(words: str) -> str:
    """In one line, and without what Markdown would take for its own."""
    return re.sub(r"\s+", " ", words).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
