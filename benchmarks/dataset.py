"""Inspecting a large dataset: memory, speed, and whether every planted fault is found.

Writes a JSONL file of the size asked for, inspects it in a process of its own as InspectDataset
does, and compares the counts with what was planted: bad lines, exact duplicates, and pairs that
differ in one word. Smaller files, plain ones and chats that call tools, are inspected in pairs with
the code of an earlier commit. Ends with one line of JSON; it lies under benchmarks/results/ too.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.dataset_before import BEFORE, compared, write_tool_chats  # noqa: E402
from stratos.contracts.records import Record, read_jsonl  # noqa: E402
from stratos.dataset.inspect_dataset import DataFile, inspect_dataset  # noqa: E402
from stratos.spec import Task  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "dataset.json"
AIM_MIB = 250
AIM_RATIOS = {"plain": 1.5, "tools": 0.7}
"""Of records per CPU second, to those of plain records at the earlier commit."""
LAMBDA_SECONDS = 900
LABELS = ("billing", "delivery", "refund", "other")
PAIR_EVERY, DUPLICATE_EVERY, BAD_EVERY = 20, 50, 1_000_000
"""One record in so many has a near-duplicate after it, comes twice, or is a broken line."""
TASK = Task.model_validate(
    {
        "dataset": "dataset.jsonl",
        "verifier": {"kind": "choice", "choices": LABELS},
        "on_bad_line": "skip",
    }
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=5.0)
    parser.add_argument("--pair-gigabytes", type=float, default=0.5)
    parser.add_argument("--folder", type=Path, help="where the file is written; deleted after")
    parser.add_argument("--inspect", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inspect:
        print(json.dumps(inspect(arguments.inspect)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        file = Path(name) / "dataset.jsonl"
        planted = generate(file, int(arguments.gigabytes * 1e9))
        print(f"{planted['records']:,} records, {file.stat().st_size / 1e9:.2f} GB", flush=True)
        command = [sys.executable, __file__, "--inspect", str(file)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        beside = compare(Path(name), int(arguments.pair_gigabytes * 1e9))
    found = json.loads(done.stdout)
    for key, value in found.items():
        print(f"{key:24} {value:,.2f}" if isinstance(value, float) else f"{key:24} {value:,}")
    size = planted["bytes"]
    checks = [
        check(f"peak memory for {size / 1e9:.1f} GB, MiB", found["peak_mib"], AIM_MIB, "lower"),
        check("CPU seconds, of a function's 900", found["cpu_seconds"], LAMBDA_SECONDS, "lower"),
        *(
            check(
                f"{name} not found or wrongly found", abs(found[name] - planted[name]), 0, "lower"
            )
            for name in ("bad_lines", "exact_duplicates")
        ),
        check(
            "near-duplicates not found or wrongly found",
            abs(found["near_duplicates"] - found["pairs_across_splits"]),
            0,
            "lower",
        ),
        *(
            check(f"records per CPU second, {kind}, to those of {BEFORE}", ratio, aim, "higher")
            for kind, aim in AIM_RATIOS.items()
            for ratio in (beside["median_ratios"][kind],)
        ),
    ]
    result = {
        "name": "dataset",
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "checks": checks,
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(
        json.dumps(result | {"planted": planted, "found": found, "beside": beside}, indent=1) + "\n"
    )
    print(json.dumps(result))


def compare(folder: Path, size: int) -> dict[str, Any]:
    """Speeds beside those of the earlier commit, on files of about `size` bytes."""
    for file in folder.glob("*.jsonl"):
        file.unlink()
    plain, tools = folder / "plain.jsonl", folder / "tools.jsonl"
    generate(plain, size)
    write_tool_chats(tools, size)
    return compared(plain, tools, TASK.model_dump(mode="json", exclude_unset=True))


def generate(file: Path, size: int) -> dict[str, int]:
    """Write about `size` bytes and count what was planted."""
    planted = {"records": 0, "bytes": 0, "bad_lines": 0, "exact_duplicates": 0}
    with file.open("w", encoding="utf-8") as out:
        for kind, line in _lines(random.Random(0)):
            planted["bytes"] += out.write(line + "\n")
            planted["records"] += 1
            if kind in planted:
                planted[kind] += 1
            if planted["bytes"] >= size:
                return planted
    raise AssertionError("the lines have no end")


def _lines(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Messages of customers, about 1 kB each, with their label; without end."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 10))) for _ in range(20_000)]
    number = 0
    while True:
        number += 1
        if number % BAD_EVERY == 1000:
            yield "bad_lines", '{"prompt": "cut off in the mid'
            continue
        text = rng.choices(words, k=rng.randint(60, 220))
        label = rng.choice(LABELS)
        line = _line(str(number), text, label)
        yield "first", line
        if number % PAIR_EVERY == 0:
            text[rng.randrange(len(text))] = f"changed{number}"
            yield "pair", _line(f"{number}'", text, label)
        if number % DUPLICATE_EVERY == 0:
            yield "exact_duplicates", _line(f"{number}, again", [t.upper() for t in text], label)


def _line(name: str, words: list[str], label: str) -> str:
    return json.dumps({"id": name, "prompt": " ".join(words), "completion": label})


def inspect(file: Path) -> dict[str, Any]:
    """Inspect the file in this process and measure it."""
    folder = file.parent
    started, used = time.perf_counter(), time.process_time()
    found = inspect_dataset([DataFile(file.name, lambda: file.open("rb"))], TASK, folder)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - used
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    apart = [
        record.id
        for split in ("heldout", "probe")
        for record in read_jsonl(folder / f"{split}.jsonl", Record)
    ]
    return {
        "peak_mib": peak_mib,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "records_per_cpu_second": found.num_lines / cpu_seconds,
        "megabytes_per_cpu_second": file.stat().st_size / 1e6 / cpu_seconds,
        "lines": found.num_lines,
        "bad_lines": found.num_bad_lines,
        "exact_duplicates": found.num_exact_duplicates,
        "near_duplicates": found.num_near_duplicates,
        "pairs_across_splits": len(_partners(apart)),
        **dict(found.num_records.items()),
    }


def _partners(apart: list[str]) -> set[str]:
    """The planted partners, which may not train, of the records that were kept back."""
    pairs = (name for name in apart if int(name.rstrip("'").split(",")[0]) % PAIR_EVERY == 0)
    partners = {name.rstrip("'") if name.endswith("'") else f"{name}'" for name in pairs}
    return partners - set(apart)


def check(name: str, value: float, aim: float, better: str) -> dict[str, Any]:
    meets = value <= aim if better == "lower" else value >= aim
    return {"name": name, "value": value, "aim": aim, "better": better, "meets": bool(meets)}


def machine() -> str:
    gpu = "no GPU"
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        gpu = subprocess.run(query, capture_output=True, text=True, check=False).stdout.strip()
    return f"{platform.machine()}, {platform.processor() or platform.system()}, {gpu or 'no GPU'}"


if __name__ == "__main__":
    main()
