"""`python -m tests.fuzz`: seeded mutations of valid inputs against whatever reads from outside.

Each target runs in two processes. What they have done is kept under `build/fuzz`, so that a run
that was stopped goes on. `--repeat spec:17` shows one input and its end.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.fuzz.target import ROOT
from tests.fuzz.targets.table import TARGETS
from tests.fuzz.worker import MOST_CPU_RATIO, MOST_MEMORY_BYTES, Shard, repeat

RESULT = ROOT / "benchmarks" / "results" / "fuzz.json"
FEWEST_ACCEPTED = 0.2
_SHARDS = 2
_MOST_RESTARTS = 50
_SHOWN = 10


@dataclass
class _Run:
    """A shard and the process that works on it."""

    target: str
    number: int
    end: int
    folder: Path
    restarts: int = 0

    @property
    def file(self) -> Path:
        return self.folder / f"{self.target}-{self.number}of{_SHARDS}.json"

    @property
    def shard(self) -> Shard:
        return Shard.read(self.file, self.number)

    def start(self) -> subprocess.Popen[bytes]:
        numbers = map(str, (self.number, _SHARDS, self.end))
        command = [sys.executable, "-m", "tests.fuzz.worker", self.target, *numbers, str(self.file)]
        return subprocess.Popen(command, cwd=ROOT)

    @property
    def done(self) -> bool:
        return self.shard.next_number >= self.end


def main() -> int:
    options = _options()
    if options.repeat:
        target, _, number = options.repeat.partition(":")
        print(repeat(target, int(number)))
        return 0
    commit = _commit()
    folder = ROOT / "build" / "fuzz" / commit
    folder.mkdir(parents=True, exist_ok=True)
    rows = {name: _fuzz(name, options.inputs, folder) for name in options.targets}
    if options.write:
        _write(rows, commit)
    return 0 if all(row["holds"] for row in rows.values()) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--inputs", type=int, default=10_000, help="of each target")
    parser.add_argument("--write", action="store_true", help=f"put the figures into {RESULT.name}")
    parser.add_argument("--repeat", metavar="TARGET:NUMBER", help="show one input and its end")
    return parser.parse_args()


def _fuzz(name: str, inputs: int, folder: Path) -> dict[str, object]:
    runs = [_Run(name, number, inputs, folder) for number in range(_SHARDS)]
    working = [(run, run.start()) for run in runs if not run.done]
    while working:
        run, process = working.pop(0)
        process.wait()
        if run.done:
            continue
        run.restarts += process.returncode != 0
        if process.returncode > 0 or run.restarts > _MOST_RESTARTS:
            raise SystemExit(f"the worker of {name} ends with {process.returncode}; see above")
        working.append((run, run.start()))
    row = _row([run.shard for run in runs], inputs)
    _tell(name, row, [run.shard for run in runs])
    return row


def _row(shards: list[Shard], asked: int) -> dict[str, object]:
    inputs, accepted = (sum(getattr(one, key) for one in shards) for key in ("inputs", "accepted"))
    failures = sum(one.num_failures for one in shards)
    worst = max(shards, key=lambda one: one.worst_cpu_ratio)
    return {
        "inputs": inputs,
        "accepted": accepted,
        "refused": sum(one.refused for one in shards),
        "failures": failures,
        "worst_cpu_ratio": round(worst.worst_cpu_ratio, 1),
        "worst_cpu_input": worst.worst_cpu_number,
        "peak_memory_mib": round(max(one.peak_memory_bytes for one in shards) / 2**20),
        "holds": failures == 0 and inputs >= asked and accepted >= FEWEST_ACCEPTED * inputs,
    }


def _tell(name: str, row: dict[str, object], shards: list[Shard]) -> None:
    print(
        f"{name}: {row['inputs']} inputs, {row['accepted']} accepted, {row['refused']} refused, "
        f"{row['failures']} failures; worst CPU ratio {row['worst_cpu_ratio']} (input "
        f"{row['worst_cpu_input']}), peak memory {row['peak_memory_mib']} MiB"
    )
    failures = [failure for shard in shards for failure in shard.failures]
    for failure in failures[:_SHOWN]:
        print(f"  --repeat {name}:{failure.number}  {failure.told[:300]}")


def _commit() -> str:
    """What is fuzzed. Results that were written beside it change nothing of it."""
    head = ["git", "rev-parse", "--short=8", "HEAD"]
    told = subprocess.run(head, cwd=ROOT, capture_output=True, text=True, check=True)
    others = ["git", "diff", "--quiet", "HEAD", "--", ".", ":!benchmarks/results"]
    changed = subprocess.run(others, cwd=ROOT, check=False).returncode != 0
    return told.stdout.strip() + "-dirty" * changed


def _write(rows: dict[str, dict[str, object]], commit: str) -> None:
    try:
        before = json.loads(RESULT.read_text())["targets"]
    except FileNotFoundError:
        before = {}
    told = {"commit": commit, "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    targets = before | {name: row | told for name, row in rows.items()}
    bounds = {
        "most_cpu_ratio": MOST_CPU_RATIO,
        "most_memory_mib": MOST_MEMORY_BYTES // 2**20,
        "fewest_accepted": FEWEST_ACCEPTED,
    }
    RESULT.write_text(json.dumps({"bounds": bounds, "targets": targets}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
