"""What the planner forecasts for real weights beside what is measured: memory, speed, latency.

SmolLM2-135M-Instruct (a vocabulary of 49,152) with records of some 256 tokens. Nothing here is used
in calibration. Each job is the project's own `distill`, in a process of its own on one thread: its
memory is the most that the process ever held, its speed that of whole optimizer steps in seconds of
CPU, which are those of the clock on an idle core. Latency is llama.cpp's, of one request alone.

    python -m benchmarks.planner_real memory      # six jobs, some nine minutes
    python -m benchmarks.planner_real speed       # three jobs and llama.cpp, some five minutes
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import describe_machine  # noqa: E402
from benchmarks.planner_requests import check  # noqa: E402
from benchmarks.tables import print_table  # noqa: E402
from stratos.catalog.cards import folder_card  # noqa: E402
from stratos.catalog.files import FilesOnDisk  # noqa: E402
from stratos.catalog.local import local_server, measure_rates  # noqa: E402
from stratos.catalog.servers import InstanceType  # noqa: E402
from stratos.planning.forecast.devices import micro_tokens  # noqa: E402
from stratos.planning.forecast.memory import TrainingMemory, reading_gib  # noqa: E402
from stratos.planning.forecast.training_rates import StudentTraining, step_rate  # noqa: E402
from stratos.planning.forecast.transformer import Transformer, transformer  # noqa: E402
from stratos.spec import CpuPrecision, Method  # noqa: E402
from stratos.units import GIB, MIB  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "planner_real.json"
RECORDS, STEPS, BATCH_TOKENS = 24, 2, 2_048
PROMPT_WORDS, COMPLETION_WORDS = 72, 144
RECORD_TOKENS, LEARNED_SHARE = 249.0, 0.58
"""As the tokenizer counts them, template included."""
AIM_PERCENT = 20
TEXT = """
the of water time people small number which their first about would these other into more write
could find long down side been work part take place made live where after back little only round
year came show every good give under name very through just form sentence great
"""
WORDS = re.findall(r"\w+", TEXT)


@dataclass(frozen=True)
class Cell:
    """One way of training: what is trained, and how the teacher is asked."""

    method: Method
    teacher: str

    @property
    def name(self) -> str:
        return f"{self.method}-{self.teacher}"

    @property
    def training(self) -> dict[str, object]:
        common: dict[str, object] = {
            "method": self.method,
            "max_steps": STEPS,
            "batch_tokens": BATCH_TOKENS,
            "activation_checkpointing": False,
        }
        if self.teacher == "none":
            return common
        return common | {"kd_weight": 0.5, "jsd_beta": 0.5 if self.teacher == "online" else 0.0}


CELLS = tuple(
    Cell(method, teacher) for method in ("full", "lora") for teacher in ("none", "online", "cached")
)
SPEED_CELLS = ("full-none", "lora-none", "full-online")


# --- the job, in a process of its own ---------------------------------------------------------


def run_job(cell: Cell, base: Path) -> None:
    """Distil as a training job does, and print what it took; nothing is uploaded."""
    from stratos.contracts.jobs import DistillConfig
    from stratos.frozen import FrozenModel
    from training.container.clock import JobClock
    from training.container.paths import SageMakerPaths
    from training.container.storage import ObjectStore
    from training.distill import distill
    from training.job.job import Job
    from training.job.progress import ProgressReporter
    from training.learning.trainer import Trainer

    class Nowhere(ObjectStore):
        def put(self, uri: str, document: FrozenModel) -> None:
            """Keep nothing."""

    seconds = 0.0
    step = Trainer._step

    def timed(self: Trainer, factor: float) -> float:
        nonlocal seconds
        started = time.process_time()
        loss = step(self, factor)
        seconds += time.process_time() - started
        return loss

    Trainer._step = timed  # type: ignore[method-assign]
    config = DistillConfig.model_validate_json((base / "job.json").read_text())
    store, clock = Nowhere(), JobClock(config.deadline_seconds)
    progress = ProgressReporter("distill", config.progress_uri, store, clock)
    result = distill(Job(config, SageMakerPaths.from_environment(), store, progress, clock))
    assert result is not None
    status = Path("/proc/self/status").read_text()
    peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"peak_mib": peak, "tokens_per_second": result.training_tokens / seconds}))


def measured_job(cell: Cell, model: Path) -> dict[str, float]:
    """Lay a job's folders out, and run it."""
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        data, config = base / "input" / "data", base / "input" / "config"
        for folder in (data / "records", config):
            folder.mkdir(parents=True)
        for channel in ("student", "teacher"):
            (data / channel).symlink_to(model)
        lines = "".join(json.dumps(record) + "\n" for record in records())
        (data / "records" / "records.jsonl").write_text(lines)
        channels: dict[str, dict[str, str]] = {
            channel: {} for channel in ("records", "student", "teacher")
        }
        (config / "inputdataconfig.json").write_text(json.dumps(channels))
        (base / "job.json").write_text(json.dumps(job_config(cell)))
        environment = os.environ | {
            "SAGEMAKER_BASE_DIR": name,
            "SM_NUM_CPUS": "1",
            "OMP_NUM_THREADS": "1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        command = [sys.executable, __file__, "--job", cell.name, name]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{cell.name} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def records() -> Iterator[dict[str, object]]:
    rng = random.Random(0)
    for number in range(RECORDS):
        question = " ".join(rng.choices(WORDS, k=PROMPT_WORDS))
        yield {
            "id": str(number),
            "messages": [{"role": "user", "content": question}],
            "completion": " ".join(rng.choices(WORDS, k=COMPLETION_WORDS)),
            "strategy": "alignment",
        }


def job_config(cell: Cell) -> dict[str, object]:
    model = {"kind": "weights", "path": "models/smollm2"}
    return {
        "run_id": "benchmark",
        "result_uri": "s3://benchmark/result.json",
        "progress_uri": "s3://benchmark/progress.json",
        "deadline_seconds": 7_200,
        "usd_per_hour": 0.1,
        "judging": {
            "verifier": {"kind": "exact"},
            "answer_marker": "####",
            "has_checker": False,
        },
        "student": model,
        "teacher": None if cell.teacher == "none" else model,
        "method": cell.method,
        "precision": "float32",
        "training": cell.training,
    }


# --- forecasts --------------------------------------------------------------------------------


def forecast_mib(cell: Cell, shape: Transformer) -> float:
    """The most of training, and of reading the models before it."""
    training = TrainingMemory(
        shape,
        cell.method,
        4.0,
        micro_tokens("cpu", shape.parameters, BATCH_TOKENS, ceil(RECORD_TOKENS), 1),
        16,
        "cpu",
        teacher=None if cell.teacher == "none" else shape,
        asked_once=cell.teacher == "cached",
        checkpointed=False,
    )
    read = reading_gib(shape, cell.method, 4.0, 1, None if cell.teacher == "none" else shape)
    return max(training.gib, read) * GIB / MIB


def forecast_tokens_per_second(cell: Cell, shape: Transformer, server: InstanceType) -> float:
    from benchmarks.planner_measured import types_of

    training = StudentTraining(
        shape,
        cell.method,
        "float32",
        RECORD_TOKENS,
        BATCH_TOKENS,
        lora_rank=16,
        learned_share=LEARNED_SHARE,
        teacher=None if cell.teacher == "none" else shape,
        asked_once=cell.teacher == "cached",
    )
    return float(step_rate(types_of(server), training).tokens_per_second[0])


def row_of(what: str, forecast: float, measured: float, unit: str) -> dict[str, Any]:
    return {
        "what": what,
        "forecast": round(forecast, 1),
        "measured": round(measured, 1),
        "unit": unit,
        "ratio": round(forecast / measured, 3),
    }


# --- parts ------------------------------------------------------------------------------------


def memory_rows(model: Path, shape: Transformer, cells: list[Cell]) -> Iterator[dict[str, Any]]:
    for cell in cells:
        peak = measured_job(cell, model)["peak_mib"]
        yield row_of(cell.name, forecast_mib(cell, shape), peak, "MiB")


def speed_rows(model: Path, shape: Transformer, cells: list[Cell]) -> Iterator[dict[str, Any]]:
    from benchmarks.planner_measured import (
        Case,
        measured_latency_ms,
        predicted_latency_ms,
        types_of,
    )

    server = local_server(1, measure_rates(1))
    for cell in cells:
        if cell.name in SPEED_CELLS:
            speed = measured_job(cell, model)["tokens_per_second"]
            expected = forecast_tokens_per_second(cell, shape, server)
            yield row_of(cell.name, expected, speed, "tokens/s")
    case = Case(shape.hidden_size, shape.layers, 128, 64, BATCH_TOKENS, calibrates=False)
    precisions: tuple[CpuPrecision, ...] = ("float16", "q8_0")
    for precision in precisions:
        expected = predicted_latency_ms(case, shape, types_of(server), precision)
        latency = measured_latency_ms(case, shape, precision)
        yield row_of(f"p50 of 128 + 64 tokens in {precision}", expected, latency, "ms")


PARTS = {"memory": memory_rows, "speed": speed_rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=PARTS, help="all by default")
    parser.add_argument("--cells", nargs="*", help=f"of {', '.join(c.name for c in CELLS)}")
    parser.add_argument("--job", nargs=2, metavar=("CELL", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    named = {cell.name: cell for cell in CELLS}
    if given.job is not None:
        run_job(named[given.job[0]], Path(given.job[1]))
        return
    from benchmarks.real_weights import smollm2

    model = smollm2()
    shape = transformer(folder_card("SmolLM2", FilesOnDisk(model.parent), model.name))
    cells = [named[name] for name in given.cells or named]
    kept = json.loads(RESULTS.read_text())["rows"] if RESULTS.is_file() else {}
    for part in [given.part] if given.part else list(PARTS):
        rows = {row["what"]: row for row in kept.get(part, [])}
        rows |= {row["what"]: row for row in PARTS[part](model, shape, cells)}
        kept[part] = list(rows.values())
        print_table(kept[part])
    write(kept)


def write(kept: dict[str, list[dict[str, Any]]]) -> None:
    checks = [
        check(
            f"{part}, worst error, percent",
            max(100 * abs(row["ratio"] - 1) for row in rows),
            AIM_PERCENT,
            "lower",
        )
        for part, rows in kept.items()
    ]
    result = {
        "name": "planner_real",
        "machine": describe_machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "checks": checks,
    }
    RESULTS.write_text(json.dumps(result | {"rows": kept}, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
