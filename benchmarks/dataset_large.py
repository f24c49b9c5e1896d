"""Inspecting a dataset that no function can: the job's own recipe on gigabytes of chats.

Writes gzipped chats that hold as many bytes as asked for, over several files, and runs what a
training job runs (`training.inspect`) in a process of its own; the splits are counted where it
uploads them. Counts are held against what was planted. The last line is JSON, which lies under
benchmarks/results/ too. 20 GB take about 40 minutes of CPU, and 35 GB of disk while it runs.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from benchmarks.dataset import AIM_MIB, machine
from benchmarks.tables import Row, check
from stratos.contracts.jobs import InspectConfig
from stratos.contracts.records import SPLITS
from stratos.dataset.allowance import MAX_BYTES
from stratos.dataset.inspection import Inspection
from stratos.frozen import FrozenModel
from stratos.planning.deadlines import deadline_seconds
from stratos.spec import Spec
from training.container.clock import JobClock
from training.container.paths import SageMakerPaths
from training.container.storage import ObjectStore
from training.inspect import inspect
from training.job.job import Job
from training.job.progress import ProgressReporter

RESULT = Path(__file__).resolve().parent / "results" / "dataset_large.json"
FILES = 8
LABELS = ("billing", "delivery", "refund", "other")
DUPLICATE_EVERY, BAD_EVERY, CUT_EVERY = 50, 1_000_000, 100
"""One chat in so many comes twice, is a broken line, or has a reply that was cut off."""
SPEC = Spec.model_validate(
    {
        "version": 1,
        "name": "chats",
        "task": {
            "dataset": "chats/",
            "verifier": {"kind": "choice", "choices": LABELS},
            "on_bad_line": "skip",
        },
        "teachers": [{"kind": "bedrock", "model_id": "a-teacher"}],
        "students": [{"hub": "HuggingFaceTB/SmolLM2-135M-Instruct"}],
    }
)
_SYSTEM = (
    "You work for the support desk of a shop. Read the conversation and name its subject by one "
    f"of these words: {', '.join(LABELS)}. Say nothing else, and do not explain. "
) * 3
_DISK_PER_BYTE = 1.4
"""Records and what is known of each, beside the packed files."""
_LEFT_FREE = 6e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=20.0)
    parser.add_argument("--folder", type=Path, help="where the files are written; deleted after")
    parser.add_argument("--inspect", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inspect:
        print(json.dumps(measure(arguments.inspect)))
        return
    size = int(arguments.gigabytes * 1e9)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        base = Path(name)
        planted = generate(base / "input" / "data" / "dataset", size)
        print(f"{planted}", flush=True)
        require_room(base, size)
        command = [sys.executable, "-m", "benchmarks.dataset_large", "--inspect", str(base)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    result = {
        "name": "dataset_large",
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "checks": checks(planted, found),
    }
    RESULT.write_text(json.dumps(result | {"planted": planted, "found": found}, indent=1) + "\n")
    print(json.dumps(result))


def checks(planted: dict[str, int], found: dict[str, Any]) -> list[Row]:
    size = planted["bytes"]
    hours = deadline_seconds("inspect", SPEC.constraints, 0.0, 0.0)
    return [
        check("bytes, of which a function splits 6 GB", size, MAX_BYTES, "higher"),
        check(f"peak memory for {size / 1e9:.1f} GB, MiB", found["peak_mib"], AIM_MIB, "lower"),
        check("CPU seconds, of the job's default time", found["cpu_seconds"], hours, "lower"),
        *(
            check(
                f"{name}: differs from what was planted",
                abs(found[name] - planted[name]),
                0,
                "lower",
            )
            for name in ("lines", "bad_lines", "exact_duplicates", "cut_off")
        ),
        check(
            "records of the splits, beside those counted",
            abs(sum(found["uploaded"].values()) - sum(found["records"].values())),
            0,
            "lower",
        ),
    ]


def require_room(folder: Path, size: int) -> None:
    """Raise where the disk would not hold the records, and some more for everybody else."""
    free = shutil.disk_usage(folder).free
    if free < _DISK_PER_BYTE * size + _LEFT_FREE:
        raise SystemExit(
            f"{free / 1e9:.0f} GB are free, and {size / 1e9:.0f} GB of records need "
            f"{(_DISK_PER_BYTE * size + _LEFT_FREE) / 1e9:.0f}; ask for fewer --gigabytes"
        )


def generate(folder: Path, size: int) -> dict[str, int]:
    """Write files that hold about `size` bytes together, and count what was planted."""
    folder.mkdir(parents=True)
    planted = Counter(bytes=0, packed_bytes=0, lines=0, bad_lines=0, exact_duplicates=0, cut_off=0)
    lines = _lines(random.Random(0))
    for number in range(FILES):
        path, until = folder / f"{number}.jsonl.gz", (number + 1) * size // FILES
        with gzip.open(path, "wb", compresslevel=1) as out:
            while planted["bytes"] < until:
                kind, line = next(lines)
                out.write(line)
                planted["bytes"] += len(line)
                planted["lines"] += 1
                planted[kind] += kind in planted
        planted["packed_bytes"] += path.stat().st_size
        require_room(folder, size)
    return {name: planted[name] for name in planted if name != "chat"}


def _lines(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """Conversations of 3 to 7 messages, about 1.5 kB each, without end."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 10))) for _ in range(20_000)]
    texts = [" ".join(rng.choices(words, k=rng.randint(15, 60))) for _ in range(50_000)]
    number = 0
    while True:
        number += 1
        if number % BAD_EVERY == 1000:
            yield "bad_lines", b'{"messages": [{"role": "us\n'
            continue
        said = [f"{number} {text}" for text in rng.choices(texts, k=rng.choice((1, 3, 5)))]
        cut = number % CUT_EVERY == 0
        yield "cut_off" if cut else "chat", _line(said, rng.choice(LABELS), cut)
        if number % DUPLICATE_EVERY == 1:
            yield "exact_duplicates", _line([text.upper() for text in said], "other", False)


def _line(said: list[str], label: str, cut: bool) -> bytes:
    """A call as OpenAI's stored completions are exported."""
    roles = ("user", "assistant")
    messages = [{"role": "system", "content": _SYSTEM}]
    messages += [{"role": roles[i % 2], "content": text} for i, text in enumerate(said)]
    reply = {"message": {"role": "assistant", "content": label}}
    finish = {"finish_reason": "length" if cut else "stop"}
    call = {"request": {"messages": messages}, "response": {"choices": [reply | finish]}}
    return json.dumps(call).encode() + b"\n"


@dataclass
class CountedUploads:
    """Stands where the job uploads: what it was given is counted, and no bucket is needed."""

    records: dict[str, int] = field(default_factory=dict)
    inspection: Inspection | None = None

    def upload_records(self, path: Path, uri: str) -> None:
        with path.open("rb") as lines:
            self.records[path.stem] = sum(1 for _ in lines)

    def put(self, uri: str, document: FrozenModel) -> None:
        if isinstance(document, Inspection):
            self.inspection = document


def measure(base: Path) -> dict[str, Any]:
    """Run the job's recipe in this process, and measure it."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    (base / "model").mkdir()
    config = InspectConfig(
        run_id="chats",
        result_uri="s3://none/result.json",
        progress_uri="s3://none/progress.json",
        deadline_seconds=deadline_seconds("inspect", SPEC.constraints, 0.0, 0.0),
        usd_per_hour=0.1,
        spec=SPEC,
        spec_uri="s3://none/specs/chats/",
        dataset_root="chats/",
        splits_uri="s3://none/splits/",
        content_hash="",
    )
    uploads = CountedUploads()
    storage, clock = cast(ObjectStore, uploads), JobClock(config.deadline_seconds)
    paths = SageMakerPaths(
        channels={"dataset": base / "input" / "data" / "dataset"},
        model_dir=base / "model",
        output_dir=base / "output",
    )
    started, used = time.perf_counter(), time.process_time()
    with ProgressReporter("inspect", config.progress_uri, storage, clock) as progress:
        result = inspect(Job(config, paths, storage, progress, clock))
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - used
    found = uploads.inspection
    if found is None:
        raise SystemExit(f"the dataset was refused: {result.refused or result.problems}")
    return {
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "records_per_cpu_second": found.num_lines / cpu_seconds,
        "lines": found.num_lines,
        "bad_lines": found.num_bad_lines,
        "exact_duplicates": found.num_exact_duplicates,
        "near_duplicates": found.num_near_duplicates,
        "cut_off": sum(found.no_answer.values()),
        "records": {split: found.num_records[split] for split in SPLITS},
        "uploaded": uploads.records,
    }


if __name__ == "__main__":
    main()
