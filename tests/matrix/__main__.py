"""`python -m tests.matrix`: run cells with real processes, print figures, write the page."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from tests.matrix import page
from tests.matrix.faults import Fault
from tests.matrix.results import keep
from tests.matrix.scenarios import SCENARIOS
from tests.matrix.whole import parts, run


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
    number, total = (int(part) for part in asked.shard.split("/"))
    until = time.monotonic() + asked.minutes * 60

    faults = tuple(filter(None, asked.fault.split(",")))

    def wanted(state: str, fault: Fault) -> bool:
        return asked.state in ("", state) and (not faults or fault.name.lower() in faults)

    names = tuple(filter(None, asked.scenario.split(",")))
    mine = islice(
        parts(wanted, names, most_ways=asked.ways, again=asked.again), number - 1, None, total
    )
    folder = Path(tempfile.mkdtemp(prefix="stratos-matrix-"))
    try:
        for cell in run(mine, folder, until):
            keep(cell)
            _say(f"{cell.state}, {cell.fault}: {'holds' if cell.holds else cell.wrong}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
    told = ", ".join(one.name for one in SCENARIOS)
    struck.add_argument("--scenario", default="", help=f"these alone, with commas: {told}")
    struck.add_argument("--state", default="", help="this state alone")
    names = ", ".join(fault.name.lower() for fault in Fault)
    struck.add_argument("--fault", default="", help=f"these alone, with commas: {names}")
    commands.add_parser("table", help="write docs/matrix.md")
    commands.add_parser("figures", help="print what was tried and what holds")
    return parser


if __name__ == "__main__":
    main()
