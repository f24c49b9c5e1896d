"""Training SmolLM2-135M-Instruct (V = 49,152), measured against TRL 1.16 in the same run.

Records of 256 tokens, eight in a step. Every contender runs in a process of its own, one thread
each; speed is that of the median of three steps after the first, by CPU second, with their spread,
and memory is the most that the process has held. Parts can be run one by one (`--parts`), and each
keeps its own figures. TRL has to be installed (`pip install trl==1.16.0`);
Liger's chunked loss takes part where it is (`pip install --no-deps liger-kernel==0.8.5`). Prints
one table a part and ends with one line of JSON. The figures are kept under benchmarks/results/,
unless sizes or precisions other than the usual ones were asked for.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.apart import (  # noqa: E402
    Measured,
    is_installed,
    measure_apart,
    measure_here,
)
from benchmarks.machine import describe_machine  # noqa: E402
from benchmarks.tables import Row, check, print_table  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
TRAINING: dict[str, tuple[str, float]] = {
    "on_policy": ("on-policy step", 1.5),
    "records": ("given records with a teacher", 1.5),
    "sft_full": ("plain records, full", 1.2),
    "sft_lora": ("plain records, LoRA", 1.2),
}
"""What each part trains, and how much faster than TRL it is to be."""
LOSSES = ("loss_ours", "loss_dense", "loss_gkd_trl", "loss_trl", "loss_liger")
MEMORY_AIM = 0.6
Rows = dict[str, Measured]


def main() -> None:
    arguments = _arguments()
    if arguments.one:
        print(json.dumps(measure_here(*arguments.one)))
        return
    if not is_installed("trl"):
        raise SystemExit("the peer is missing: pip install trl==1.16.0")
    settings = {"STRATOS_BENCH_STEPS": str(arguments.steps)}
    settings |= {"STRATOS_BENCH_ROWS": str(arguments.rows)} if arguments.rows else {}
    settings |= {"STRATOS_BENCH_BFLOAT16": "1"} if arguments.bfloat16 else {}
    settings |= {"STRATOS_BENCH_RECOMPUTED": "1"} if arguments.recomputed else {}
    rows = {part: _measure(part, settings) for part in arguments.parts}
    result = _result(rows)
    print(json.dumps(result, ensure_ascii=False))
    if len(settings) == 1:
        _keep(rows)


def _keep(rows: dict[str, Rows]) -> None:
    """Write these parts into the result, beside those that were measured before."""
    path = RESULTS / "distill_real.json"
    known = json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else {}
    rows = {part: (known | rows)[part] for part in (*TRAINING, "loss") if part in known | rows}
    text = json.dumps(_result(rows) | {"rows": rows}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _result(rows: dict[str, Rows]) -> Row:
    return {
        "name": "distill_real",
        "machine": describe_machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "checks": [one for part in rows for one in _checks(part, rows[part])],
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("MODULE", "CONTENDER"), help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, default=4, help="the first is not counted")
    parser.add_argument("--rows", type=int, help="records of a step, for a trial")
    parser.add_argument("--bfloat16", action="store_true", help="compute in it, here and there")
    parser.add_argument(
        "--recomputed", action="store_true", help="let TRL compute activations again, its default"
    )
    parts = [*TRAINING, "loss"]
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    return parser.parse_args()


def _measure(part: str, settings: dict[str, str]) -> Rows:
    if part == "loss":
        contenders = {one: "distill_real_loss" for one in LOSSES if is_installed(one)}
    else:
        contenders = {f"{part}_{who}": f"distill_real_{who}" for who in ("ours", "trl")}
    found = {
        contender: measure_apart(__file__, module, contender, settings)
        for contender, module in contenders.items()
    }
    print(f"\n{part}")
    print_table([{"contender": name, **measured} for name, measured in found.items()])
    sys.stdout.flush()
    return found


def _checks(part: str, rows: Rows) -> list[Row]:
    if part == "loss":
        return [one for other in list(rows)[1:] for one in _loss_checks(rows, other)]
    ours, theirs = rows[f"{part}_ours"], rows[f"{part}_trl"]
    name, aim = TRAINING[part]
    speed = ours["tokens_per_cpu_second"] / theirs["tokens_per_cpu_second"]
    memory = ours["peak_memory_mib"] / theirs["peak_memory_mib"]
    return [
        check(f"{name}: tokens/s over TRL's", round(speed, 3), aim, "higher"),
        check(f"{name}: peak memory, share of TRL's", round(memory, 3), MEMORY_AIM, "lower"),
        _agreement(part, ours, theirs),
    ]


def _agreement(part: str, ours: Measured, theirs: Measured) -> Row:
    """Samples differ, so an on-policy step is compared by its loss on the same completions."""
    which, words = {
        "on_policy": ("loss_given", "loss on given completions"),
    }.get(part, ("final_loss", "loss of the last step"))
    difference = abs(theirs[which] / ours[which] - 1)
    return check(
        f"{TRAINING[part][0]}: {words}, relative difference",
        float(f"{difference:.2g}"),
        1e-3,
        "lower",
    )


def _loss_checks(rows: Rows, other: str) -> list[Row]:
    ours, theirs = rows["loss_ours"], rows[other]
    peer = {
        "loss_dense": "dense",
        "loss_gkd_trl": "TRL's dense",
        "loss_trl": "TRL's chunked",
        "loss_liger": "Liger's chunked",
    }[other]
    # A chunked loss leaves nothing to be saved: its peers are held to the same memory.
    memory_aim = 1.0 if "chunked" in peer else MEMORY_AIM
    seconds = ours["seconds"] / theirs["seconds"]
    memory = ours["added_memory_mib"] / theirs["added_memory_mib"]
    difference = abs(theirs["loss"] / ours["loss"] - 1)
    return [
        check(f"loss alone: time, share of {peer}", round(seconds, 3), 1.0, "lower"),
        check(f"loss alone: memory, share of {peer}", round(memory, 3), memory_aim, "lower"),
        check(
            f"loss alone: relative difference from {peer}",
            float(f"{difference:.2g}"),
            1e-4,
            "lower",
        ),
    ]


if __name__ == "__main__":
    main()
