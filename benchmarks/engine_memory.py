"""What llama.cpp holds of memory, forecast and measured: SmolLM2-135M, every slot in use.

Without `--gguf`, weights are random: memory depends on sizes alone. Prints a table and ends with
one line of JSON; it lies under benchmarks/results/ too.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.llama_cpp_requests import ask  # noqa: E402
from benchmarks.machine import describe_machine  # noqa: E402
from benchmarks.planner_requests import check  # noqa: E402
from benchmarks.random_gguf import write_random  # noqa: E402
from benchmarks.tables import print_table  # noqa: E402
from serving.llama_cpp.process import LlamaServer  # noqa: E402
from stratos.planning.forecast.llama_cpp import memory_gib, weight_bytes  # noqa: E402
from stratos.planning.forecast.transformer import Transformer  # noqa: E402
from stratos.spec import CPU_PRECISIONS, CpuPrecision  # noqa: E402
from stratos.units import GIB, MIB  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "engine_memory.json"
SMOLLM2 = Transformer(
    name="SmolLM2-135M",
    parameters=134_515_008,
    active_parameters=134_515_008,
    layers=30,
    hidden_size=576,
    kv_heads=3,
    head_dim=64,
    vocabulary=49_152,
    heads=9,
    inner=1_536,
)
LARGER = Transformer("rows of 256", 474e6, 474e6, 28, 1_024, 8, 128, 32_768, 16, 3_072)
"""Whose `q4_k_m` is of k-blocks throughout."""
CONTEXTS, SLOTS = (512, 1_024, 2_048), (1, 4, 8)
PROMPT_TOKENS = 200
"""Of the request in each slot, whose whole context is taken when the engine starts."""
AIM_PERCENT = 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", type=Path, help="SmolLM2-135M in q8_0")
    given = parser.parse_args().gguf
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        grid = list(product(CONTEXTS, SLOTS))
        rows += measured_rows(given or written(folder, SMOLLM2, "q8_0"), SMOLLM2, "q8_0", grid)
        for precision in CPU_PRECISIONS:
            for model in (SMOLLM2, LARGER):
                if (model, precision) != (SMOLLM2, "q8_0"):
                    path = written(folder, model, precision)
                    rows += measured_rows(path, model, precision, [(512, 4)])
                    path.unlink()
    print_table(rows)
    worst = max(abs(row["error_percent"]) for row in rows)
    result = {
        "name": "engine_memory",
        "machine": describe_machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "weights": "SmolLM2-135M" if given else "random",
        "checks": [check("worst error, percent", worst, AIM_PERCENT, "lower")],
    }
    RESULTS.write_text(json.dumps(result | {"rows": rows}, indent=1) + "\n")
    print(json.dumps(result))


def written(folder: Path, model: Transformer, precision: CpuPrecision) -> Path:
    path = folder / f"{model.hidden_size}-{precision}.gguf"
    write_random(path, model, precision)
    return path


def measured_rows(
    gguf: Path, model: Transformer, precision: CpuPrecision, grid: list[tuple[int, int]]
) -> list[dict[str, Any]]:
    rows = []
    for context, slots in grid:
        forecast = memory_gib(model, precision, context, slots) * GIB / MIB
        measured = peak_mib(gguf, context, slots, model.vocabulary)
        rows.append(
            {
                "model": model.name,
                "precision": precision,
                "context": context,
                "slots": slots,
                "file_mib": gguf.stat().st_size / MIB,
                "file_forecast_mib": weight_bytes(model, precision) / MIB,
                "measured_mib": measured,
                "forecast_mib": forecast,
                "error_percent": 100 * (forecast / measured - 1),
            }
        )
    return rows


def peak_mib(gguf: Path, context: int, slots: int, vocabulary: int) -> float:
    """Most that the process ever held, after one request in each slot."""
    arguments = ["--ctx-size", str(context * slots), "--parallel", str(slots), "--threads", "1"]
    arguments += ["--cache-ram", "0", "--jinja", "--metrics"]
    with LlamaServer(gguf, arguments) as server, ThreadPoolExecutor(slots) as pool:
        prompts = [
            [(7 * place * (slot + 3) + slot) % vocabulary for place in range(PROMPT_TOKENS)]
            for slot in range(slots)
        ]
        list(pool.map(lambda prompt: ask(server, prompt), prompts))
        status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
