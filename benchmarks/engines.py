"""SkyPilot beside this planner: prices, the optimizer on identical rows, its rows in the front.

    python3.11 -m venv /tmp/sky && /tmp/sky/bin/pip install 'skypilot[aws]==0.14.1'
    .venv/bin/python benchmarks/engines.py --skypilot /tmp/sky/bin/python

It needs no account, and no network once SkyPilot is installed. Why SkyPilot is no engine of
Stratos is in docs/decisions/0018-no-second-engine.md. Prints one table a part and ends with one
line of JSON, also under benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.engines_front import front_rows  # noqa: E402
from benchmarks.engines_optimizer import optimizer_rows  # noqa: E402
from benchmarks.engines_prices import price_rows  # noqa: E402
from benchmarks.machine import describe_machine  # noqa: E402
from benchmarks.tables import Row, print_table  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "engines.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--skypilot", type=Path, required=True, help="a Python that has SkyPilot")
    parser.add_argument("--specs", type=int, default=20)
    given = parser.parse_args()
    parts: dict[str, Callable[[], tuple[list[Row], list[Row]]]] = {
        "prices": price_rows,
        "optimizer": lambda: optimizer_rows(given.skypilot, given.specs),
        "front": lambda: front_rows(given.specs),
    }
    rows: dict[str, list[Row]] = {}
    checks: list[Row] = []
    for part, measure in parts.items():
        rows[part], found = measure()
        print(f"\n{part}")
        print_table(rows[part])
        checks += [{"part": part} | one for one in found]
    result = {
        "name": "engines",
        "machine": describe_machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "checks": checks,
    }
    text = json.dumps(result | {"rows": rows}, indent=1, ensure_ascii=False)
    RESULTS.write_text(text + "\n", encoding="utf-8")
    print(json.dumps(result, ensure_ascii=False))


if __name__ == "__main__":
    main()
