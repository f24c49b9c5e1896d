"""docs/matrix.md: what was tried, what came of it, and what was not tried."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from infra.app import EXAMPLE_REGIONS, ROOT, synthesize_regions
from tests.matrix.cells import Cell, Matrix
from tests.matrix.faults import Fault, kind_of
from tests.matrix.machine import Interpreter
from tests.matrix.means import NO_MEANS, means_for
from tests.matrix.whole import Tried, tried

PAGE = ROOT / "docs" / "matrix.md"
COMMAND = "python -m tests.matrix"
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
ways to show itself, for once and for ever. A machine that fails must have cleaned up and told by
itself; for one that is cut short, or whose last states are struck, the event of its end does both.
A run that begins at a state has made only what it made from there on. Reasons are worded by the
product's own code. What a function does with AWS is not tried here, but in its own tests: CleanUp
here finds everything.

**With real processes** (`make matrix`, outside the gate): a tiny spec runs in an embedded cloud
of its own, and the fault is done to its processes: `make matrix SHARD=1/4` runs a quarter of what
was not yet run at this commit. A line for each cell lies in `tests/matrix/results/whole.jsonl`.
A cell
is two runs, the one that is struck and the next of its spec. The aim was a run of under 20 s; the
first that was measured took 80 s on two busy cores, since each of its jobs begins by importing
torch. What was not run is shown as not run.

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


def text(machines: Sequence[tuple[Matrix, list[Cell]]], whole: dict[tuple[str, str], Tried]) -> str:
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
    parts += ["\n## With real processes\n", _WHOLE, *_whole(machines[0][0], whole)]
    return "\n".join(parts) + "\n"


_SAID = "An example of each fault at each kind of state: how the run ends, in its own words.\n"
_LEGEND = "`+` holds, `x` does not, `–` cannot be: it has nothing that the fault could strike.\n"
_WHOLE = (
    "The cells that were run, each with the commit of its inputs. The reason is the run's own.\n"
)


def _rows(fast: Sequence[Cell], whole: dict[tuple[str, str], Tried]) -> list[tuple[str, ...]]:
    return [(name, value, f"`{command}`") for name, value, command in _figures(fast, whole)]


def _figures(
    fast: Sequence[Cell], whole: dict[tuple[str, str], Tried]
) -> Iterator[tuple[str, str, str]]:
    command = f"{COMMAND} figures"
    possible = [cell for cell in fast if cell.tried]
    holding = [cell for cell in possible if not cell.wrong]
    ways = sum(cell.tried for cell in possible)
    yield "states", str(len({(cell.machine, cell.state) for cell in fast})), command
    yield "in this process: cells that hold", f"{len(holding)} of {len(possible)}", command
    yield "in this process: ways in which faults were tried", str(ways), command
    yield "cells that cannot be", str(len(fast) - len(possible)), command
    held = sum(one.holds for one in whole.values())
    yield "with real processes: cells that hold", f"{held} of {len(whole)} that were run", command
    wrong = [told for one in (*possible, *whole.values()) for told in one.wrong]
    yield "orphans (billable, and nobody's)", str(sum("left:" in one for one in wrong)), command
    lost = sum("nobody was told" in one or "nothing moved" in one for one in wrong)
    yield "runs lost (ended, and nobody was told)", str(lost), command
    yield "requests failed during update and rollback", "a test counts them", _UPDATES


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


def _whole(home: Matrix, whole: dict[tuple[str, str], Tried]) -> Iterator[str]:
    rows = [
        (
            *(one.state, one.fault, one.means),
            "holds" if one.holds else f"does not hold: {'; '.join(one.wrong)}",
            *(one.outcome, f"{one.commit}, {one.date}"),
        )
        for one in sorted(whole.values(), key=lambda one: one.key)
    ]
    head = ("State", "Fault", "Done by", "Result", "Outcome", "Commit")
    yield _table(head, rows) if rows else "None was run yet.\n"
    possible = [
        (state, fault) for state in home.states for fault in Fault if home.can_be(state, fault)
    ]
    reach = [(s, f) for s, f in possible if means_for(home.states[s], f) is not None]
    waiting = sum((state, str(fault)) not in whole for state, fault in reach)
    yield (
        f"\nNot run: {waiting} of {len(possible)} cells of the home's machine, for want of time. "
        f"For {len(possible) - len(reach)} more {NO_MEANS}: throttling, a clock that jumps, and a "
        "call of AWS's own that fails.\n"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(words: str) -> str:
    """In one line, and without what Markdown would take for its own."""
    return re.sub(r"\s+", " ", words).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
