"""What a checker's own process costs: rationales checked there, and within the job as formerly.

    python -m benchmarks.checker          print
    python -m benchmarks.checker --write  into benchmarks/results/checker.json as well

The checker of the Mahjong example reads explanations of its hands. Both ways take turns, and the
best of five rounds counts, since a busy machine only ever adds time.
"""

from __future__ import annotations

import argparse
import json
import runpy
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import describe_machine  # noqa: E402
from benchmarks.tables import Row, check, print_table  # noqa: E402
from training.judging.checker import Checker, load_checker  # noqa: E402

EXAMPLE = ROOT / "examples" / "mahjong-waits"
RESULT = ROOT / "benchmarks" / "results" / "checker.json"
RATIONALES, ROUNDS = 2_000, 5
AIM_MICROSECONDS, AIM_START_SECONDS = 500.0, 1.0
Question = tuple[str, str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    asked = rationales()
    within: Checker = runpy.run_path(str(EXAMPLE / "checker.py"))["check"]
    starts = [seconds(lambda: load_checker(EXAMPLE).close()) for _ in range(ROUNDS)]
    apart = load_checker(EXAMPLE)
    wrong = [question for question in asked if within(*question) != apart(*question)]
    rounds = [(per_call(within, asked), per_call(apart, asked)) for _ in range(ROUNDS)]
    apart.close()
    before, after = (min(figures) for figures in zip(*rounds, strict=True))
    rows: list[Row] = [
        {"name": "within the job, µs a rationale", "value": before * 1e6},
        {"name": "in its process, µs a rationale", "value": after * 1e6},
        check("added, µs a rationale", (after - before) * 1e6, AIM_MICROSECONDS, "lower"),
        check("start of the process, s", min(starts), AIM_START_SECONDS, "lower"),
        check("verdicts that differ", len(wrong), 0, "lower"),
    ]
    print_table(rows)
    if write:
        told = {"machine": describe_machine(), "date": datetime.now(UTC).date().isoformat()}
        result = {"name": "checker", **told, "rationales": len(asked), "rows": rows}
        RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


def rationales() -> list[Question]:
    """Hands of the example with their answers; one in four has its own explanation."""
    hands = runpy.run_path(str(EXAMPLE / "hands.py"))
    lines = (EXAMPLE / "dataset.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines[:RATIONALES]]
    told = []
    for row in rows:
        hand = hands["parse_hand"](row["prompt"].splitlines()[0].removeprefix("Hand: "))
        told.append("\n".join(str(wait) for wait in hands["find_waits"](hand)))
    return [
        (row["prompt"], row["completion"], told[number - number % 4])
        for number, row in enumerate(rows)
    ]


def per_call(checker: Checker, asked: list[Question]) -> float:
    """Seconds for one rationale."""
    return seconds(lambda: [checker(*question) for question in asked]) / len(asked)


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
