"""The distillation engine measured against plain PyTorch, Transformers and TRL.

Every contender runs in a process of its own, one thread each, three times in turn; the best counts.
Speed is given by CPU second: other processes on the machine then weigh on all alike. TRL takes part
where it is installed (`pip install trl==1.16.0`), and so does Liger's chunked loss (`pip install
--no-deps liger-kernel==0.8.5`). On a GPU the loss alone runs there, by wall-clock. Prints one table
a part and ends with one line of JSON; both lie under benchmarks/results/ too.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.apart import is_installed, measure_apart, measure_here  # noqa: E402
from benchmarks.machine import describe_machine  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
CONTENDERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "training": ("distill_training", ("train_ours", "train_packed", "train_plain", "train_trl")),
    "teacher": ("distill_teacher", ("teacher_cached", "teacher_online")),
    "generation": ("distill_generation", ("generate_ours", "generate_plain")),
    "jsd": ("distill_loss", ("jsd_ours", "jsd_dense", "jsd_trl", "jsd_liger")),
    "cross_entropy": ("distill_loss", ("cross_entropy_ours", "cross_entropy_dense")),
}
Rows = dict[str, dict[str, float]]
Check = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("MODULE", "CONTENDER"), help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--parts", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure_here(*arguments.one)))
        return
    rows = {part: _measure(part, arguments.repeats) for part in arguments.parts}
    result = {
        "name": "distill",
        "machine": describe_machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "checks": [check for part in rows for check in _checks(part, rows[part])],
    }
    if set(rows) == set(CONTENDERS):
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / "distill.json").write_text(json.dumps(result | {"rows": rows}, indent=1) + "\n")
    print(json.dumps(result))


def _measure(part: str, repeats: int) -> Rows:
    """Run the contenders of a part in turn and keep each one's best run."""
    module, contenders = CONTENDERS[part]
    wanted = [one for one in contenders if is_installed(one)]
    best: Rows = {}
    for _ in range(repeats):
        for contender in wanted:
            found = measure_apart(__file__, module, contender)
            if contender not in best or _cpu(found) < _cpu(best[contender]):
                best[contender] = found
    print(f"\n{part}")
    for contender, found in best.items():
        print(f"  {contender:20}", *(f"{key} {value:,.4g}" for key, value in found.items()))
    return best


def _checks(part: str, rows: Rows) -> list[Check]:
    match part:
        case "training":
            return _training_checks(rows)
        case "teacher":
            return _teacher_checks(rows)
        case "generation":
            return _generation_checks(rows)
        case _:
            return [one for other in _others(rows, part) for one in _loss_checks(part, rows, other)]


def _training_checks(rows: Rows) -> list[Check]:
    ours = rows["train_ours"]
    speeds = [
        _ratio(
            f"training tokens/s over {_peer(name)}",
            ours,
            rows[name],
            1.0 if name == "train_packed" else 1.5,
        )
        for name in _others(rows, "train")
    ]
    losses = [
        _check(
            f"loss after the last step, relative difference from {_peer(name)}",
            abs(rows[name]["final_loss"] / ours["final_loss"] - 1),
            1e-2,
            "lower",
        )
        for name in _others(rows, "train")
    ]
    return speeds + losses


def _teacher_checks(rows: Rows) -> list[Check]:
    cached, online = rows["teacher_cached"], rows["teacher_online"]
    return [
        _ratio("cached teacher, tokens/s over asking it online", cached, online, 1.0),
        _check(
            "divergence left after training with a cached teacher, over an online one's",
            cached["divergence"] / online["divergence"],
            1.05,
            "lower",
        ),
    ]


def _generation_checks(rows: Rows) -> list[Check]:
    ours, plain = rows["generate_ours"], rows["generate_plain"]
    same = float(ours["checksum"] == plain["checksum"])
    return [
        _ratio("generation tokens/s over generate", ours, plain, 3.0),
        _check("same tokens as generate", same, 1.0, "higher"),
    ]


def _loss_checks(part: str, rows: Rows, other: str) -> list[Check]:
    ours, theirs, peer = rows[f"{part}_ours"], rows[other], _peer(other)
    # Liger's loss is chunked as well: there is no half to be saved.
    memory_aim = 1.0 if other.endswith("liger") else 0.5
    memory = ours["added_memory_mib"] / theirs["added_memory_mib"]
    difference = abs(theirs["loss"] / ours["loss"] - 1)
    return [
        _check(f"{part} memory at V=151,936, share of {peer}", memory, memory_aim, "lower"),
        _check(
            f"{part} time at V=151,936, share of {peer}",
            ours["seconds"] / theirs["seconds"],
            1.0,
            "lower",
        ),
        _check(f"{part} at V=151,936, relative difference from {peer}", difference, 1e-4, "lower"),
    ]


def _others(rows: Rows, prefix: str) -> list[str]:
    """The contenders of a part beside ours."""
    return [name for name in rows if name != f"{prefix}_ours"]


def _ratio(name: str, ours: dict[str, float], other: dict[str, float], aim: float) -> Check:
    value = ours["tokens_per_cpu_second"] / other["tokens_per_cpu_second"]
    return _check(name, value, aim, "higher")


def _check(name: str, value: float, aim: float, better: str) -> Check:
    meets = value >= aim if better == "higher" else value <= aim
    return {"name": name, "value": round(value, 5), "aim": aim, "better": better, "meets": meets}


def _peer(contender: str) -> str:
    return {
        "plain": "a plain loop",
        "packed": "packed rows",
        "dense": "dense",
        "trl": "TRL",
        "liger": "Liger",
    }[contender.rpartition("_")[2]]


def _cpu(found: dict[str, float]) -> float:
    return found.get("seconds") or 1 / found["tokens_per_cpu_second"]


if __name__ == "__main__":
    main()
