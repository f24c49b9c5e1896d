"""The package of the functions that plan: its size, and how long a cold import takes.

The package is unpacked and imported with nothing else on the path but boto3, which Lambda's own
runtime brings. Seconds are those of a new process that finds no compiled modules, as in Lambda,
where the package cannot be written to; files are in the page cache.
"""

from __future__ import annotations

import site
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from benchmarks.planner_requests import check
from infra.packaging.assets import LAMBDA_LIMIT_BYTES, build_assets

HANDLERS = ("plan_candidates", "match_models")
REPEATS = 5
_CHILD = """
import sys, time
sys.path[:] = [sys.argv[1], *sys.path, sys.argv[2]]
started = time.perf_counter()
__import__("lambdas.handlers." + sys.argv[3])
print(time.perf_counter() - started)
"""


def package_rows() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    package = build_assets(Path(__file__).resolve().parents[1]).planning
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(package) as archive:
            archive.extractall(folder)
            unpacked = sum(entry.file_size for entry in archive.infolist())
        seconds = {handler: import_seconds(folder, handler) for handler in HANDLERS}
    rows = [{"handler": name, "import_seconds": taken} for name, taken in seconds.items()]
    limit = LAMBDA_LIMIT_BYTES / 2**20
    return rows, [
        check("unpacked package MiB", unpacked / 2**20, limit, "lower"),
        check("cold import seconds, slower handler", max(seconds.values()), 2.0, "lower"),
    ]


def import_seconds(folder: str, handler: str) -> float:
    """Median over new processes."""
    command = [sys.executable, "-ISB", "-c", _CHILD, folder, site.getsitepackages()[0], handler]
    return statistics.median(
        float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        for _ in range(REPEATS)
    )
