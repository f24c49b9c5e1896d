"""The planner measured: speed, exactness against NSGA-II, gain in score, prediction error.

Prints one table a part and ends with one line of JSON; both lie under benchmarks/results/ too.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import describe_machine  # noqa: E402
from benchmarks.planner_measured import measured_rows  # noqa: E402
from benchmarks.planner_package import package_rows  # noqa: E402
from benchmarks.planner_regions import fleet_rows, gain_rows, regions_rows  # noqa: E402
from benchmarks.planner_scale import hypervolume_rows, scale_rows  # noqa: E402
from benchmarks.planner_score import score_rows  # noqa: E402
from benchmarks.tables import print_table  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
Check = dict[str, Any]
Rows = list[dict[str, Any]]

PARTS: dict[str, Callable[[], tuple[Rows, list[Check]]]] = {
    "scale": scale_rows,
    "hypervolume": hypervolume_rows,
    "score": score_rows,
    "regions": regions_rows,
    "fleet": fleet_rows,
    "gain": gain_rows,
    "measured": measured_rows,
    "package": package_rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    wanted = parser.parse_args().parts or list(PARTS)
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; parts are {', '.join(PARTS)}")
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / "planner.json"
    kept = json.loads(file.read_text()) if file.is_file() else {"rows": {}, "checks": []}
    for part in wanted:
        started = time.perf_counter()
        rows, checks = PARTS[part]()
        print(f"\n{part} ({time.perf_counter() - started:.0f} s)")
        print_table(rows)
        kept["rows"][part] = rows
        kept["checks"] = [c for c in kept["checks"] if c["part"] != part]
        kept["checks"] += [{"part": part} | check for check in checks]
    result = {
        "name": "planner",
        "machine": describe_machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "checks": kept["checks"],
    }
    file.write_text(json.dumps(result | {"rows": kept["rows"]}, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
