"""Many specs dropped at once into an embedded cloud: all end, in order, and the machine stays calm.

    python -m benchmarks.many_runs --write                   50 specs, 2 of which are whole runs
    python -m benchmarks.many_runs --specs 50 --whole 50     an hour and more on two cores

A spec that is no whole run has a budget that no plan keeps to: it is claimed, read, queued,
inspected and planned, and reported as failed, without a job. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks.tables import check, conclude
from stratos.cli.runs import list_runs, read_queue
from stratos.cli.stack import Stack
from stratos.contracts.bucket import SPEC_FILE, SPEC_PREFIX, TELLING_CHECKSUM
from stratos.contracts.run import RunRow
from stratos.waiting import every, wait_until, within
from tests.integration.pipeline.cloud import Cloud, running_cloud, write_task

RESULTS = Path(__file__).parent / "results" / "many_runs.json"
UNAFFORDABLE: dict[str, Any] = {"constraints": {"max_budget_usd": 1e-9}}
BATCH: dict[str, Any] = {"hosting": {"mode": "batch"}, "constraints": {"max_training_hours": 2}}
SAMPLE_SECONDS = 2.0


@dataclass
class Peaks:
    """The most that the cloud and all its processes took at one time."""

    processes: int = 0
    functions: int = 0
    pss_mib: float = 0.0
    places: int = 0
    samples: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    def look(self, cloud: Cloud, stack: Stack) -> None:
        pss, functions = 0, 0
        family = _family(str(cloud.settings.state_dir))
        for process in family:
            with suppress(psutil.Error):
                functions += "awslambdaric" in " ".join(process.cmdline())
                pss += process.memory_full_info().pss
        self.processes = max(self.processes, len(family))
        self.functions = max(self.functions, functions)
        self.pss_mib = max(self.pss_mib, pss / 2**20)
        places = sum(run.has_place for run in read_queue(stack).runs)
        self.places = max(self.places, places)
        self.samples += 1

    @contextmanager
    def watching(self, cloud: Cloud) -> Iterator[None]:
        stack = Stack.find()  # boto3's tables are of one thread

        def watch() -> None:
            while not self._ended.wait(SAMPLE_SECONDS):
                self.look(cloud, stack)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            self._ended.set()
            watcher.join()


def _family(state_dir: str) -> list[psutil.Process]:
    """The server of a cloud with all that it started."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = process.cmdline()
            if "infra.local.server" in command and any(state_dir in word for word in command):
                return [process, *process.children(recursive=True)]
    return []


@dataclass(frozen=True)
class Wait:
    """When a run asked for its place, and when it got it."""

    run_id: str
    arrived_at: datetime
    asked_at: datetime
    given_at: datetime


def waits(cloud: Cloud, rows: list[RunRow]) -> list[Wait]:
    found = []
    for row in rows:
        times: dict[str, datetime] = {}
        pages = cloud.stack.states.get_paginator("get_execution_history")
        for page in pages.paginate(executionArn=row.execution_arn, includeExecutionData=False):
            for event in page["events"]:
                details = event.get("stateEnteredEventDetails") or event.get(
                    "stateExitedEventDetails", {}
                )
                if details.get("name") == "AwaitPlace":
                    times[event["type"]] = event["timestamp"]
        asked, given = times.get("TaskStateEntered"), times.get("TaskStateExited")
        if asked is not None and given is not None:
            found.append(Wait(row.run_id, row.started_at, asked, given))
    return found


def overtakings(found: list[Wait], slack_seconds: float) -> list[tuple[str, str]]:
    """Pairs of runs of which the later got its place first though the earlier had asked by then.

    Args:
        slack_seconds: That one call of the function may take.
    """
    return [
        (late.run_id, early.run_id)
        for early in found
        for late in found
        if early.arrived_at < late.arrived_at
        and (early.given_at - late.given_at).total_seconds() > slack_seconds
        and (late.given_at - early.asked_at).total_seconds() > slack_seconds
    ]


def measure(num_specs: int, num_whole: int, longest_seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name, running_cloud(Path(name) / "state") as cloud:
        folders = [
            write_task(
                Path(name) / f"load-{number:02}",
                f"load-{number:02}",
                **(BATCH if number < num_whole else UNAFFORDABLE),
            )
            for number in range(num_specs)
        ]
        _put_beside(cloud, folders)
        peaks = Peaks()
        began = time.monotonic()
        with peaks.watching(cloud):
            for folder in folders:
                body = (folder / SPEC_FILE).read_bytes()
                cloud.stack.s3.put_object(
                    Bucket=cloud.stack.bucket, Key=_key(folder, SPEC_FILE), Body=body
                )
            submitted = time.monotonic() - began
            wait_until(
                lambda: _ended(cloud) == num_specs,
                deadline=within(longest_seconds),
                pauses=every(5.0),
            )
        took = time.monotonic() - began
        rows = list_runs(cloud.stack)
        overtaken = overtakings(waits(cloud, rows), slack_seconds=2.0)
        return {
            "specs": num_specs,
            "whole_runs": num_whole,
            "seconds_to_submit": submitted,
            "seconds": took,
            "ended": sum(row.finished for row in rows),
            "ended_as": _counts(row.status for row in rows),
            "whole_runs_succeeded": sum(row.status == "succeeded" for row in rows),
            "waited": sum(row.waited_seconds > 0 for row in rows),
            "longest_wait_seconds": max(row.waited_seconds for row in rows),
            "overtaken": overtaken,
            "left_in_queue": len(read_queue(cloud.stack).runs),
            "samples": peaks.samples,
            "peak_places": peaks.places,
            "peak_processes": peaks.processes,
            "peak_functions": peaks.functions,
            "peak_pss_mib": peaks.pss_mib,
        }


def _put_beside(cloud: Cloud, folders: list[Path]) -> None:
    """Put what the specs name, which is the same for each, so that they can be dropped at once."""
    s3, bucket, first = cloud.stack.s3, cloud.stack.bucket, folders[0]
    files = [path for path in first.rglob("*") if path.is_file() and path.name != SPEC_FILE]
    for name in (path.relative_to(first).as_posix() for path in files):
        s3.upload_file(str(first / name), bucket, _key(first, name), ExtraArgs=TELLING_CHECKSUM)
        for folder in folders[1:]:
            source = {"Bucket": bucket, "Key": _key(first, name)}
            s3.copy_object(Bucket=bucket, Key=_key(folder, name), CopySource=source)


def _key(folder: Path, name: str) -> str:
    return f"{SPEC_PREFIX}{folder.name}/{name}"


def _ended(cloud: Cloud) -> int:
    return sum(row.finished for row in list_runs(cloud.stack))


def _counts(statuses: Iterator[str]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for status in statuses:
        counted[status] = counted.get(status, 0) + 1
    return counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--specs", type=int, default=50)
    parser.add_argument("--whole", type=int, default=2, help="of them, through every state")
    parser.add_argument(
        "--minutes", type=float, default=180.0, help="at most, until all have ended"
    )
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    args = parser.parse_args()
    load_before = os.getloadavg()[0]
    found = measure(args.specs, args.whole, 60 * args.minutes)
    checks = [
        check("ended", found["ended"], args.specs, "higher"),
        check("whole runs that succeeded", found["whole_runs_succeeded"], args.whole, "higher"),
        check("overtaken", len(found["overtaken"]), 0, "lower"),
        check("left in the queue", found["left_in_queue"], 0, "lower"),
        check("places at once", found["peak_places"], 10, "lower"),
        check("functions at once, idle ones too", found["peak_functions"], 32, "lower"),
        check("memory of all processes, MiB", found["peak_pss_mib"], 8192, "lower"),
    ]
    conclude(RESULTS, found | {"load_average_before": load_before}, checks, write=args.write)


if __name__ == "__main__":
    main()
