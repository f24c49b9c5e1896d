"""SkyPilot's optimizer, run by its own interpreter: problems come in as JSON, choices go out.

It needs nothing but SkyPilot and the standard library. Its catalog is one file that is written into
a home folder of its own, in its format (schema v8), with the rows that it is given. It believes
that AWS is enabled; no account is asked.
"""

from __future__ import annotations

import csv
import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

COLUMNS = (
    *("InstanceType", "AcceleratorName", "AcceleratorCount", "vCPUs", "MemoryGiB", "GpuInfo"),
    *("Price", "SpotPrice", "Region", "AvailabilityZone", "Arch"),
)


def main() -> None:
    asked = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as home, redirect_stdout(sys.stderr):
        os.environ |= {
            "HOME": home,
            "AWS_EC2_METADATA_DISABLED": "true",
            "SKYPILOT_DISABLE_USAGE_COLLECTION": "1",
        }
        write_catalog(Path(home) / ".sky" / "catalogs" / "v8" / "aws", asked["rows"])
        found = answers(asked)
    print(json.dumps(found))


def write_catalog(folder: Path, rows: list[dict[str, Any]]) -> None:
    folder.mkdir(parents=True)
    with (folder / "vms.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {
                    "InstanceType": row["name"],
                    "vCPUs": row["vcpu"],
                    "MemoryGiB": row["memory_gib"],
                    "Price": row["usd_per_hour"],
                    "Region": row["region"],
                    "AvailabilityZone": row["region"] + "a",
                    "Arch": "x86_64",
                }
            )


def answers(asked: dict[str, Any]) -> dict[str, Any]:
    sky = importlib.import_module("sky")
    check = importlib.import_module("sky.check")
    check.get_cached_enabled_clouds_or_refresh = lambda *_, **__: [sky.AWS()]  # type: ignore[attr-defined]
    rows = asked["rows"]
    solve(sky, rows, asked["problems"][0])  # reads the catalog, which is not timed
    return {
        "version": sky.__version__,
        "answers": [solve(sky, rows, problem) for problem in asked["problems"]],
    }


def solve(sky: Any, rows: list[dict[str, Any]], problem: Mapping[str, Any]) -> dict[str, Any]:
    """The row that it chooses, and the CPU seconds of the optimizer alone."""
    optimizer = importlib.import_module("sky.optimizer").Optimizer
    target = importlib.import_module("sky.utils.common").OptimizeTarget
    places = [(rows[row]["name"], rows[row]["region"]) for row in problem["rows"]]
    seconds = dict(zip(places, problem["seconds"], strict=True))
    with sky.Dag() as dag:
        task = sky.Task(name="job", run="true")
    task.set_resources(
        {sky.Resources(cloud=sky.AWS(), instance_type=n, region=region) for n, region in places}
    )
    task.set_time_estimator(lambda asked: seconds[asked.instance_type, asked.region])
    started = time.process_time()
    optimizer.optimize(dag, minimize=target[problem["minimize"]], quiet=True)
    spent = time.process_time() - started
    best = task.best_resources
    return {
        "row": problem["rows"][places.index((best.instance_type, best.region))],
        "cpu_seconds": spent,
    }


if __name__ == "__main__":
    main()
