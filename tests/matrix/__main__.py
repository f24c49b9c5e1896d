"""`python -m tests.matrix`: run cells with real processes, print figures, write the page."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from tests.matrix import page
from tests.matrix.faults import Fault
from tests.matrix.results import commit, keep
from tests.matrix.scenarios import SCENARIOS
from tests.matrix.whole import parts, run, states


def main() -> None:
    asked = _parser().parse_args()
    match asked.command:
        case "whole":
            whole(asked)
        case "table":
            page.write()
        case "figures":
            print("\n".join(page.figures()))  # noqa: T201


def whole(asked: argparse.Namespace) -> None:
    """Run the campaigns of a shard that this commit has not run, as long as time is left."""
    if commit().endswith("+"):
        raise SystemExit(
            "what is run has changed since its commit; commit it, so that each cell "
            "can be run again"
        )
    number, total = (int(part) for part in asked.shard.split("/"))
    until = time.monotonic() + asked.minutes * 60

    faults = _among("fault", asked.fault, [fault.name.lower() for fault in Fault])
    names = _among("scenario", asked.scenario, [one.name for one in SCENARIOS])
    chosen = _among("state", asked.state, states())

    def wanted(state: str, fault: Fault) -> bool:
        return state in chosen and fault.name.lower() in faults

    mine = islice(
        parts(wanted, names, most_ways=asked.ways, again=asked.again, untried=asked.untried),
        number - 1,
        None,
        total,
    )
    folder = Path(tempfile.mkdtemp(prefix="stratos-matrix-"))
    try:
        for cell in run(mine, folder, until):
            keep(cell)
            _say(f"{cell.state}, {cell.fault}: {'holds' if cell.holds else cell.wrong}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _among(what: str, given: str, known: Iterable[str]) -> tuple[str, ...]:
    """What is given with commas between; all, if nothing is."""
    all_of_them = tuple(known)
    names = tuple(filter(None, given.split(",")))
    if unknown := sorted(set(names) - set(all_of_them)):
        raise SystemExit(f"no {what} {', '.join(unknown)}; there are {', '.join(all_of_them)}")
    return names or all_of_them


def _say(line: str) -> None:
    sys.stdout.write(line + os.linesep)
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    struck = commands.add_parser("whole", help="strike runs of real processes")
    struck.add_argument("--shard", default="1/1", help="which part of the campaigns, such as 2/4")
    struck.add_argument("--minutes", type=float, default=600, help="begin no run after so long")
    struck.add_argument("--ways", type=int, help="at most so many ways of each fault")
    struck.add_argument("--again", action="store_true", help="also what this commit has run")
    struck.add_argument("--untried", action="store_true", help="only what no commit has run")
    told = ", ".join(one.name for one in SCENARIOS)
    struck.add_argument("--scenario", default="", help=f"these alone, with commas: {told}")
    struck.add_argument("--state", default="", help="these alone, with commas")
    names = ", ".join(fault.name.lower() for fault in Fault)
    struck.add_argument("--fault", default="", help=f"these alone, with commas: {names}")
    commands.add_parser("table", help="write docs/matrix.md")
    commands.add_parser("figures", help="print what was tried and what holds")
    return parser


if __name__ == "__main__":
    main()
