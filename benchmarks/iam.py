"""What judging every call costs the embedded cloud: start-up, and one run of the demo, on and off.

    python -m benchmarks.iam                   both, print
    python -m benchmarks.iam --only demo       one of them
    python -m benchmarks.iam --write           into benchmarks/results/iam.json as well

Needs `make synth` and an idle machine. Start-up is from nothing until the template is deployed, and
its figure the median of several. Runs with and without alternate, and each has a state directory of
its own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine
from infra.local.cli import bring_up
from infra.local.daemon import stop
from infra.local.host.settings import LocalSettings
from stratos.cli.following import follow
from stratos.cli.runs import read_summary
from stratos.cli.stack import Stack
from stratos.cli.submit import submit

HERE = Path(__file__).resolve().parents[1]
RESULT = HERE / "benchmarks" / "results" / "iam.json"
EXAMPLE = HERE / "examples" / "mahjong-waits"
AT_MOST = 1.10
"""The aim: times the figure without."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--starts", type=int, default=5, help="start-ups each")
    parser.add_argument("--only", choices=("start_up", "demo"))
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    found = {
        part: {
            "date": datetime.now(UTC).date().isoformat(),
            "machine": describe_machine(),
            "at_most": AT_MOST,
            **measured,
        }
        for part, measured in measure(arguments.only, arguments.starts)
    }
    print(json.dumps(found, indent=2))
    if arguments.write:
        before = json.loads(RESULT.read_text()) if RESULT.exists() else {}
        RESULT.write_text(json.dumps(before | found, indent=2) + "\n")


def measure(only: str | None, num_starts: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each part that is asked for, by its name in the result."""
    if only != "demo":
        starts: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(num_starts):
            for judged, seconds in starts.items():
                with cloud(judged) as took:
                    seconds.append(took)
        medians = (statistics.median(starts[judged]) for judged in (True, False))
        yield "start_up_seconds", compared(*medians) | {"each": num_starts}
    if only != "start_up":
        runs = {judged: demo_seconds(judged) for judged in (False, True)}
        yield "demo_seconds", compared(runs[True], runs[False])


def compared(judged: float, unjudged: float) -> dict[str, Any]:
    ratio = judged / unjudged
    return {"on": judged, "off": unjudged, "ratio": ratio, "meets": ratio <= AT_MOST}


@contextmanager
def cloud(judged: bool) -> Iterator[float]:
    """A cloud of its own, and the seconds until it was up."""
    with tempfile.TemporaryDirectory() as folder:
        settings = LocalSettings(state_dir=Path(folder), iam=judged)
        begun = time.perf_counter()
        url, _ = bring_up(settings, HERE / "cdk.out")
        took = time.perf_counter() - begun
        os.environ |= settings.client_environment(url)
        try:
            yield took
        finally:
            stop(settings)


def demo_seconds(judged: bool) -> float:
    """One run of the example, from its upload to its end."""
    with cloud(judged):
        stack = Stack.find()
        begun = time.perf_counter()
        submission = submit(stack, EXAMPLE, lambda file: None)
        for _ in follow(stack, submission.run_id):
            pass
        took = time.perf_counter() - begun
        summary: Any = read_summary(stack, submission.run_id)
        if summary is None or summary.status != "succeeded":
            raise SystemExit(f"the run did not succeed: {summary and summary.reason}")
        return took


if __name__ == "__main__":
    main()
