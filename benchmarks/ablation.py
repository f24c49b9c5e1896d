"""What the explanations are worth: the Mahjong example, ways to teach it, several seeds.

The same student base learns the same hands for the same number of steps: from verified
explanations (injection), from the answers alone (with as many tokens a step, and with as many
hands a step), from what the teacher answers by itself (alignment), and from the pipeline's blend.
Beside them stand the most common answer and that of the nearest training hand. One process and one
thread a run; what is done is kept under build/ablation and not done again.

    python benchmarks/ablation.py --seeds 5
    python benchmarks/ablation.py --seeds 5 --arms injection answers_only --hands 1000  # few data
    python benchmarks/ablation.py --seeds 5 --arms injection answers_only --steps 1600  # longer

Prints one table and ends with one line of JSON, also under benchmarks/results/.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scipy.stats import ttest_rel

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.ablation_arms import ARMS, EXAMPLE, ROOT, WORK, Arm, records_path
from stratos.contracts.records import Record, read_jsonl
from stratos.scoring.baselines import NearestQuestion, constant_answer
from stratos.spec import Spec
from stratos.spec.reader import read_spec
from stratos.statistics.mcnemar import mcnemar_p_value
from stratos.statistics.wilson import proportion

RESULTS = ROOT / "benchmarks" / "results"
STEPS = 800
SAMPLES = 6
"""Attempts at each tile. Hands that wait for many are explained worst; were they left out as often
as the example's own two attempts leave them out, all arms would learn to name too few tiles."""
MANY_WAITS = 4
"""Hands with so many completing tiles or more are counted together."""
Run = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--hands", type=int, help="questions the teacher is asked to explain")
    parser.add_argument(
        "--arms",
        nargs="+",
        choices=ARMS,
        default=ARMS,
        help="injection and answers_only are what the others are held against",
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="runs at once")
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--one", nargs=2, metavar=("ARM", "SEED"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    spec = read_spec((EXAMPLE / "spec.yaml").read_bytes())
    recipe = spec.training.model_copy(update={"max_steps": given.steps})
    asked = {"samples": SAMPLES, "max_records": given.hands or spec.synthesis.max_records}
    synthesis = spec.synthesis.model_copy(update=asked)
    spec = spec.model_copy(update={"training": recipe, "synthesis": synthesis})
    if given.prepare or given.one:
        from benchmarks import ablation_runs

        if given.prepare:
            ablation_runs.prepare(spec)
            print(json.dumps(ablation_runs.device_name()))
        else:
            arm, seed = given.one
            print(json.dumps(ablation_runs.train_and_score(spec, arm, int(seed))))
    else:
        parts = ["ablation"]
        parts += [f"{given.hands}-hands"] if given.hands else []
        parts += [f"{given.steps}-steps"] if given.steps != STEPS else []
        arms = [arm for arm in ARMS if arm in {"injection", "answers_only", *given.arms}]
        compare(spec, arms, given.seeds, given.processes, "-".join(parts) + ".json")


def compare(spec: Spec, arms: Sequence[Arm], num_seeds: int, num_processes: int, name: str) -> None:
    """Run every arm and seed; print and write what came of it."""
    device = call_self(spec, "--prepare")
    trained = [arm for arm in arms if not is_injection_again(arm)]
    jobs = [(arm, seed) for seed in range(num_seeds) for arm in trained]
    jobs.sort(key=lambda job: job[0] == "alignment")  # what is asked most is known first
    with ThreadPoolExecutor(num_processes) as pool:
        runs = list(pool.map(lambda job: run_once(spec, *job), jobs))
    for arm in set(arms) - set(trained):
        runs += [run | {"arm": arm} for run in runs if run["arm"] == "injection"]
    rows = baselines() | {
        f"{run['arm']} seed {run['seed']}": row_of(run["right"], held_waits()) for run in runs
    }
    details = {
        "date": datetime.now(UTC).date().isoformat(),
        "recipe": spec.training.model_dump(exclude_none=True),
        "yields": json.loads((WORK / "yields.json").read_text()),
        "same records as injection": [arm for arm in arms if arm not in trained],
        "arms": {arm: arm_row([run for run in runs if run["arm"] == arm]) for arm in arms},
        "paired with injection": {
            arm: pair_arms(runs, "injection", arm) for arm in trained if arm != "injection"
        },
        "runs": [{k: v for k, v in run.items() if k != "right"} for run in runs],
        "rows": rows,
    }
    result = {
        "name": name.removesuffix(".json"),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, {device}",
        "checks": checks(details),
    }
    (RESULTS / name).write_text(json.dumps(result | details, indent=1) + "\n")
    show(details)
    print(json.dumps(result))


def is_injection_again(arm: str) -> bool:
    """Whether an arm would learn from the very records of injection: blend may, to the byte."""
    own, injections = records_path(arm), records_path("injection")
    return own != injections and own.read_bytes() == injections.read_bytes()


def run_once(spec: Spec, arm: str, seed: int) -> Run:
    """Train and score in a process of its own, unless the same run is already kept."""
    content = spec.model_dump_json().encode() + records_path(arm).read_bytes()
    kept = WORK / f"{arm}-{seed}-{hashlib.sha256(content).hexdigest()[:12]}.json"
    if not kept.exists():
        run = call_self(spec, "--one", arm, str(seed))
        kept.write_text(json.dumps(run))
        accuracy = proportion(sum(run["right"]), len(run["right"])).value
        print(f"{arm}, seed {seed}: {accuracy:.1%} after {run['seconds']} s", flush=True)
    found: Run = json.loads(kept.read_text())
    return found


def call_self(spec: Spec, *arguments: str) -> Any:
    """Run this script in a process of its own; return the JSON on the last line it printed."""
    recipe = [f"--steps={spec.training.max_steps}", f"--hands={spec.synthesis.max_records}"]
    command = [sys.executable, __file__, *recipe, *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout.strip().rpartition("\n")[2])


def held_waits() -> list[int]:
    """The number of completing tiles of each held-out hand."""
    heldout = read_jsonl(WORK / "heldout.jsonl", Record)
    return [min(MANY_WAITS, len((record.gold or "").split())) for record in heldout]


def baselines() -> dict[str, Any]:
    """What no training is needed for."""
    train = list(read_jsonl(WORK / "train.jsonl", Record))
    heldout = list(read_jsonl(WORK / "heldout.jsonl", Record))
    constant = constant_answer([record.gold or "" for record in train])
    nearest = NearestQuestion([r.question for r in train], [r.gold or "" for r in train])
    guesses = {
        "constant answer": [r.gold == constant for r in heldout],
        "nearest question": [r.gold == nearest.answer(r.question) for r in heldout],
    }
    return {name: row_of(right, held_waits()) for name, right in guesses.items()}


def row_of(right: list[bool], waits: list[int]) -> dict[str, Any]:
    """Accuracy with its 95% interval, in all and by the number of completing tiles."""
    by_waits = {
        str(number): [bool(hit) for hit, count in zip(right, waits, strict=True) if count == number]
        for number in sorted(set(waits))
    }
    return proportion(sum(right), len(right)).model_dump() | {
        "by_waits": {number: f"{sum(hits)}/{len(hits)}" for number, hits in by_waits.items()}
    }


def arm_row(runs: list[Run]) -> dict[str, Any]:
    """One arm over its seeds: pooled, with mean and spread (standard deviation) of the seeds."""
    values = [statistics.mean(run["right"]) for run in runs]
    pooled = row_of([hit for run in runs for hit in run["right"]], held_waits() * len(runs))
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": statistics.mean(values), "spread": spread, "pooled": pooled}


def pair_arms(runs: list[Run], one: str, other: str) -> dict[str, Any]:
    """Two arms on the same hands: McNemar's exact test a seed, a paired t-test over the seeds."""

    def right_of(arm: str) -> dict[int, list[bool]]:
        return {run["seed"]: run["right"] for run in runs if run["arm"] == arm}

    ones, others = right_of(one), right_of(other)
    by_seed = []
    for seed in sorted(ones):
        pairs = list(zip(ones[seed], others[seed], strict=True))
        only_one = sum(a and not b for a, b in pairs)
        only_other = sum(b and not a for a, b in pairs)
        by_seed.append(
            {
                "seed": seed,
                f"only {one} right": only_one,
                f"only {other} right": only_other,
                "mcnemar_p": mcnemar_p_value(only_one, only_other),
            }
        )
    gaps = [statistics.mean(ones[s]) - statistics.mean(others[s]) for s in sorted(ones)]
    found: dict[str, Any] = {"gap": statistics.mean(gaps), "by_seed": by_seed}
    if len(gaps) > 1:
        test = ttest_rel(*([statistics.mean(of[s]) for s in sorted(of)] for of in (ones, others)))
        interval = test.confidence_interval(0.95)
        found |= {"t_p": float(test.pvalue), "gap_95": [float(interval.low), float(interval.high)]}
    return found


def checks(details: dict[str, Any]) -> list[dict[str, Any]]:
    arms, paired = details["arms"], details["paired with injection"]["answers_only"]
    pooled = {arm: row["pooled"] for arm, row in arms.items()}
    return [
        check("injection minus answers only, mean", paired["gap"], 0.10),
        check(
            "lower bound of injection minus upper bound of answers only, pooled",
            pooled["injection"]["lo"] - pooled["answers_only"]["hi"],
            0.0,
        ),
        check("injection, mean held-out exact match", arms["injection"]["mean"], 0.5),
    ]


def check(name: str, value: float, aim: float) -> dict[str, Any]:
    rounded = round(value, 4)
    return {"name": name, "value": rounded, "aim": aim, "better": "higher", "meets": value >= aim}


def show(details: dict[str, Any]) -> None:
    arms = {arm: row["pooled"] for arm, row in details["arms"].items()}
    for name, row in (details["rows"] | {f"{arm}, all seeds": arms[arm] for arm in arms}).items():
        by_waits = "  ".join(f"{k}: {v}" for k, v in row["by_waits"].items())
        interval = f"({100 * row['lo']:.1f}–{100 * row['hi']:.1f})"
        print(f"{name:24} {100 * row['value']:5.1f}% {interval:14} by waits  {by_waits}")
    for arm, row in details["arms"].items():
        print(f"{arm:24} mean {100 * row['mean']:.1f}%, spread {100 * row['spread']:.1f}")
    for arm in details["same records as injection"]:
        print(f"{arm}: the same records as injection, not trained again")
    for arm, row in details["paired with injection"].items():
        print(f"injection minus {arm}: {100 * row['gap']:+.1f} points, {json.dumps(row)}")


if __name__ == "__main__":
    main()
