"""What explanations are worth on real weights: the inbox example, SmolLM2-135M, three seeds.

The untuned model cannot do the task, so the pipeline injects: the model explains the answers that
people gave. Here the same model learns for the same number of steps, of as many tokens each, from
those explanations (injection), from the same records' answers alone (answers_only), and from every
answer of the training split, explained or not (every_answer). Beside them stand the untuned model,
the most common answer and that of the nearest training message.

    python benchmarks/ablation_smollm2.py                  # three seeds
    python benchmarks/ablation_smollm2.py --seeds 1 --steps 20

Each run has a process and all threads; what is done is kept under build/ablation-smollm2 and not
done again. Prints a table and ends with one line of JSON, also under benchmarks/results/.
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
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.ablation import RESULTS, Run, check, pair_arms
from stratos.contracts.records import Record, TrainingRecord, read_jsonl, write_jsonl
from stratos.scoring.baselines import NearestQuestion, constant_answer
from stratos.spec import Spec
from stratos.spec.reader import read_spec
from stratos.statistics.wilson import proportion

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "smollm2-inbox"
WORK = ROOT / "build" / "ablation-smollm2"
ARMS = ("injection", "answers_only", "every_answer")
NAME = "ablation-smollm2"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    parser.add_argument("--steps", type=int, help="the example's own by default")
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--one", nargs=2, metavar=("ARM", "SEED"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    spec = read_spec((EXAMPLE / "spec.yaml").read_bytes())
    steps = given.steps or spec.training.max_steps
    recipe = spec.training.model_copy(update={"max_steps": steps})
    name = NAME if recipe == spec.training else f"{NAME}-{steps}-steps"
    spec = spec.model_copy(update={"training": recipe})
    if given.prepare:
        print(json.dumps(prepare(spec)))
    elif given.one:
        arm, seed = given.one
        print(json.dumps(train(spec, arm, int(seed))))
    else:
        compare(spec, tuple(given.arms), given.seeds, name)


def prepare(spec: Spec) -> dict[str, Any]:
    """Split the dataset, let the model explain the answers, and ask it the held-out questions."""
    from benchmarks.ablation_runs import answer
    from benchmarks.real_weights import smollm2
    from stratos.dataset.inspect_dataset import DataFile, inspect_dataset
    from training.asking.rejection_sampling import RejectionSampler
    from training.judging.checker import load_checker
    from training.judging.judge import Judge
    from training.models.weights import load_model
    from training.teachers.weights import WeightsTeacher

    WORK.mkdir(parents=True, exist_ok=True)
    file = EXAMPLE / spec.task.dataset
    inspect_dataset([DataFile(file.name, lambda: file.open("rb"))], spec.task, WORK)
    train = list(read_jsonl(WORK / "train.jsonl", Record))
    model = load_model("SmolLM2-135M-Instruct", str(smollm2()))
    judge = Judge(spec.task.verifier, spec.task.answer_marker, load_checker(EXAMPLE))
    started = time.monotonic()
    explained = RejectionSampler(
        WeightsTeacher(model, batch_size=64, seed=spec.training.seed),
        judge,
        spec.synthesis,
        stop=lambda: False,
        on_done=lambda *_: None,
    ).run(train, "injection")
    write_jsonl(WORK / "explained.jsonl", explained.records)
    return {
        "yield": proportion(len(explained.records), len(train)).model_dump(),
        "rejects": dict(explained.rejects.most_common()),
        "seconds": round(time.monotonic() - started),
        "right": answer(spec, model, list(read_jsonl(WORK / "heldout.jsonl", Record))),
    }


def records_of(arm: str) -> list[TrainingRecord]:
    """What an arm learns from."""
    if arm != "every_answer":
        return list(read_jsonl(WORK / "explained.jsonl", TrainingRecord))
    return [
        TrainingRecord(
            id=record.id,
            messages=record.messages,
            completion="",
            answer=record.gold,
            strategy="injection",
        )
        for record in read_jsonl(WORK / "train.jsonl", Record)
    ]


def train(spec: Spec, arm: str, seed: int) -> Run:
    """Train one student and ask it every held-out question."""
    from benchmarks.ablation_runs import train_on
    from benchmarks.real_weights import smollm2

    heldout = list(read_jsonl(WORK / "heldout.jsonl", Record))
    run = train_on(spec, smollm2(), records_of(arm), heldout, seed, answers_only=arm != "injection")
    return {"arm": arm, "seed": seed} | run


def compare(spec: Spec, arms: tuple[str, ...], num_seeds: int, name: str) -> None:
    """Run every arm and seed; print and write what came of it."""
    prepared = once(spec, "--prepare")
    runs = [once(spec, "--one", arm, str(seed)) for arm in arms for seed in range(num_seeds)]
    heldout = list(read_jsonl(WORK / "heldout.jsonl", Record))
    untuned = prepared.pop("right")
    rows = {"untuned": share(untuned)} | baselines(heldout)
    rows |= {f"{run['arm']}, seed {run['seed']}": share(run["right"]) for run in runs}
    right = {arm: [run["right"] for run in runs if run["arm"] == arm] for arm in arms}
    rows |= {
        f"{arm}, all seeds": share([hit for hits in right[arm] for hit in hits]) for arm in arms
    }
    others = [arm for arm in arms if arm != "injection"]
    paired = {arm: pair_arms(runs, "injection", arm) for arm in others}
    result = {
        "name": name,
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
        "checks": [
            check(f"injection minus {arm}, mean", row["gap"], 0.0) for arm, row in paired.items()
        ],
    }
    details = {
        "date": datetime.now(UTC).date().isoformat(),
        "recipe": spec.training.model_dump(exclude_none=True),
        "explained": prepared,
        "rows": rows,
        "means": {arm: statistics.mean(map(statistics.mean, right[arm])) for arm in arms},
        "paired with injection": paired,
        "runs": [{k: v for k, v in run.items() if k != "right"} for run in runs],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(result | details, indent=1) + "\n")
    for label, row in rows.items():
        interval = f"({100 * row['lo']:.1f}–{100 * row['hi']:.1f})"
        print(f"{label:24} {100 * row['value']:5.1f}% {interval}")
    for arm, row in paired.items():
        print(f"injection minus {arm}: {100 * row['gap']:+.1f} points, {json.dumps(row)}")
    print(json.dumps(result))


def once(spec: Spec, *arguments: str) -> Run:
    """Do one part in a process of its own, unless the same part is already kept."""
    files = [WORK / "explained.jsonl"] if "--one" in arguments else []
    content = [spec.model_dump_json(exclude_defaults=True).encode()]
    content += [file.read_bytes() for file in files]
    content += [(EXAMPLE / name).read_bytes() for name in ("dataset.jsonl", "checker.py")]
    digest = hashlib.sha256(b"".join(content)).hexdigest()[:12]
    kept = WORK / f"{'-'.join(arguments).strip('-')}-{digest}.json"
    if not kept.exists():
        command = [sys.executable, __file__, f"--steps={spec.training.max_steps}", *arguments]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found = json.loads(done.stdout.strip().rpartition("\n")[2])
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found))
        right = found["right"]
        print(f"{' '.join(arguments)}: {statistics.mean(right):.1%} right", flush=True)
    run: Run = json.loads(kept.read_text())
    return run


def share(right: list[bool]) -> dict[str, Any]:
    return proportion(sum(right), len(right)).model_dump()


def baselines(heldout: list[Record]) -> dict[str, Any]:
    """What no training is needed for."""
    train = list(read_jsonl(WORK / "train.jsonl", Record))
    constant = constant_answer([record.gold or "" for record in train])
    nearest = NearestQuestion([r.question for r in train], [r.gold or "" for r in train])
    return {
        "constant answer": share([r.gold == constant for r in heldout]),
        "nearest question": share([r.gold == nearest.answer(r.question) for r in heldout]),
    }


if __name__ == "__main__":
    main()
