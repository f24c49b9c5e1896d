"""`python -m tests.matrix`: run cells with real processes, print figures, write the page."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.integration.pipeline.cloud import running_cloud
from tests.matrix import page
from tests.matrix.faults import Fault
from tests.matrix.whole import Bench, cells, keep


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
    """Run the cells of a shard that have not been run at this commit, as long as time is left."""
    number, total = (int(part) for part in asked.shard.split("/"))
    until = time.monotonic() + asked.minutes * 60
    todo = [
        cell
        for cell in cells((number, total), again=asked.again)
        if asked.state in ("", cell[0]) and asked.fault in ("", cell[1].name.lower())
    ]
    folder = Path(tempfile.mkdtemp(prefix="stratos-matrix-"))
    try:
        with running_cloud(folder / "cloud") as cloud:
            bench = Bench(cloud, folder)
            for state, fault, means in todo:
                if time.monotonic() > until:
                    break
                result = bench.run(state, fault, means)
                if isinstance(result, str):
                    _say(f"{state}, {fault}: not struck, the run did not come by: {result}")
                    continue
                keep(result)
                _say(f"{state}, {fault}: {'holds' if result.holds else result.wrong}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _say(line: str) -> None:
    sys.stdout.write(line + os.linesep)
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("whole", help="run cells with real processes")
    run.add_argument("--shard", default="1/1", help="which part of the cells, such as 2/4")
    run.add_argument("--minutes", type=float, default=600, help="begin no cell after so long")
    run.add_argument("--again", action="store_true", help="also what this commit has run already")
    run.add_argument("--state", default="", help="this state alone")
    names = ", ".join(fault.name.lower() for fault in Fault)
    run.add_argument("--fault", default="", help=f"this fault alone: {names}")
    commands.add_parser("table", help="write docs/matrix.md")
    commands.add_parser("figures", help="print what was tried and what holds")
    return parser


if __name__ == "__main__":
    main()
