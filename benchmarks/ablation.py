"""Knowledge Injection against answers only: the Mahjong example, several seeds, paired.

The teacher explains the training hands once, as the pipeline's Synthesize does. Then the same
student base is trained on the same verified hands, for the same steps of the same size, with the
rationales (injection) and without (answers only), by the example's recipe, one process and one
thread a run. Alignment is measured as far as it goes: the share of hands the teacher solves alone.

    python benchmarks/ablation.py --seeds 5

Prints one table and ends with one line of JSON, also under benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stratos.dataset.inspection import DataFile, inspect_dataset
from stratos.records import Record, TrainingRecord, read_jsonl, write_jsonl
from stratos.scoring.baselines import NearestQuestion, constant_answer
from stratos.scoring.mcnemar import mcnemar_p_value
from stratos.scoring.verifiers import is_completion_correct
from stratos.scoring.wilson import proportion
from stratos.spec import Spec
from stratos.spec_file import read_spec

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "mahjong-waits"
WORK = ROOT / "build" / "ablation"
RESULT = ROOT / "benchmarks" / "results" / "ablation.json"
ARMS = ("injection", "answers_only")
MANY_WAITS = 4
"""Hands with so many completing tiles or more are counted together."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--one", nargs=2, metavar=("ARM", "SEED"), help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    spec = read_spec((EXAMPLE / "spec.yaml").read_bytes())
    if arguments.prepare:
        prepare(spec)
    elif arguments.one:
        arm, seed = arguments.one
        print(json.dumps(train_and_score(spec, arm, int(seed))))
    else:
        compare(spec, arguments.seeds)


def prepare(spec: Spec) -> None:
    """Split the dataset, and let the teacher write the records all runs train on."""
    from training.checker import load_checker
    from training.judge import Judge
    from training.questions import sample
    from training.synthesis import Synthesizer
    from training.teachers.weights import WeightsTeacher
    from training.weights import load_model

    WORK.mkdir(parents=True, exist_ok=True)
    file = EXAMPLE / spec.task.dataset
    inspect_dataset([DataFile(file.name, lambda: file.open("rb"))], spec.task, WORK)
    judge = Judge(spec.task.verifier, spec.task.answer_marker, load_checker(EXAMPLE))
    local = load_model("teacher", str(EXAMPLE / "models" / "teacher"))
    questions = sample(
        list(read_jsonl(WORK / "train.jsonl", Record)),
        spec.synthesis.max_records,
        spec.training.seed,
    )

    def synthesizer() -> Synthesizer:
        teacher = WeightsTeacher(local, batch_size=128, seed=spec.training.seed)
        return Synthesizer(
            teacher, judge, spec.synthesis, stop=lambda: False, on_done=lambda *_: None
        )

    injected = synthesizer().run(questions, "injection")
    aligned = synthesizer().run(questions[:1000], "alignment")
    write_jsonl(WORK / "records.jsonl", injected.records)
    yields = {
        "injection": proportion(len(injected.records), len(questions)).model_dump(),
        "alignment": proportion(len(aligned.records), 1000).model_dump(),
        "rejects": dict(injected.rejects),
    }
    (WORK / "yields.json").write_text(json.dumps(yields))


def train_and_score(spec: Spec, arm: str, seed: int) -> dict[str, Any]:
    """Train one student and answer every held-out question with it."""
    import torch

    from training.clock import Clock
    from training.data import BatchPlan, encode, micro_batches, split_validation
    from training.distribution import GoldTokens
    from training.optimizer import Optimizers
    from training.student import load_student
    from training.teachers import Request
    from training.teachers.weights import WeightsTeacher
    from training.trainer import Schedule, Trainer

    torch.set_num_threads(1)
    recipe = spec.training.model_copy(update={"seed": seed})
    assert recipe.learning_rate
    assert recipe.max_steps
    assert recipe.batch_tokens
    torch.manual_seed(seed)
    base = EXAMPLE / "models" / "student-base"
    student = load_student("student-base", str(base), "full", "float32", 16, seed)
    records = list(read_jsonl(WORK / "records.jsonl", TrainingRecord))
    marker = spec.task.answer_marker if arm == "answers_only" else None
    examples = encode(records, student.local.chat, max_tokens=512, answers_only_marker=marker)
    learned, validation = split_validation(examples, seed)
    outcome = Trainer(
        student,
        BatchPlan(learned, batch_tokens=recipe.batch_tokens, micro_tokens=1024, seed=seed),
        micro_batches(validation, 1024),
        GoldTokens(),
        Optimizers(student.trained, recipe, recipe.learning_rate),
        Schedule(recipe.max_steps, recipe.learning_rate),
        None,
        Clock(float("inf")),
        lambda *_: None,
    ).run()
    student.model.eval()
    heldout = list(read_jsonl(WORK / "heldout.jsonl", Record))
    asked = [Request(messages=r.messages, max_new_tokens=256, temperature=0.0) for r in heldout]
    answers = WeightsTeacher(student.local, batch_size=128).generate(
        asked, stop=lambda: False, on_answer=lambda *_: None
    )
    right = [
        answer is not None
        and is_completion_correct(
            spec.task.verifier, answer.text, record.gold, spec.task.answer_marker
        )
        for answer, record in zip(answers, heldout, strict=True)
    ]
    return {
        "arm": arm,
        "seed": seed,
        "steps": outcome.state.step,
        "training_tokens": outcome.state.tokens,
        "seconds": round(outcome.state.seconds),
        "right": right,
    }


def compare(spec: Spec, num_seeds: int) -> None:
    """Run every arm and seed, two at a time; print and write what came of it."""
    run_self("--prepare")
    jobs = [(arm, str(seed)) for seed in range(num_seeds) for arm in ARMS]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        runs = list(pool.map(lambda job: json.loads(run_self("--one", *job)), jobs))
    heldout = list(read_jsonl(WORK / "heldout.jsonl", Record))
    train = list(read_jsonl(WORK / "train.jsonl", Record))
    waits = [min(MANY_WAITS, len((record.gold or "").split())) for record in heldout]
    rows = {run["arm"] + f" seed {run['seed']}": row_of(run["right"], waits) for run in runs}
    constant = constant_answer([record.gold or "" for record in train])
    nearest = NearestQuestion([r.question for r in train], [r.gold or "" for r in train])
    rows["constant answer"] = row_of([r.gold == constant for r in heldout], waits)
    rows["nearest question"] = row_of(
        [r.gold == nearest.answer(r.question) for r in heldout], waits
    )
    by_arm = {
        arm: [
            proportion(sum(run["right"]), len(heldout)).value for run in runs if run["arm"] == arm
        ]
        for arm in ARMS
    }
    pairs = [pair(runs, seed) for seed in range(num_seeds)]
    means = {arm: statistics.mean(values) for arm, values in by_arm.items()}
    gap = means["injection"] - means["answers_only"]
    pooled = {arm: pooled_interval(runs, arm) for arm in ARMS}
    checks = [
        check("injection minus answers only, mean", gap, 0.10),
        check(
            "lower bound of injection minus upper bound of answers only, pooled",
            pooled["injection"]["lo"] - pooled["answers_only"]["hi"],
            0.0,
        ),
        check("injection, mean held-out exact match", means["injection"], 0.5),
    ]
    result = {
        "name": "ablation",
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, no GPU",
        "checks": checks,
    }
    details = {
        "date": datetime.now(UTC).date().isoformat(),
        "recipe": spec.training.model_dump(exclude_none=True),
        "yields": json.loads((WORK / "yields.json").read_text()),
        "mean": means,
        "spread": {arm: statistics.pstdev(values) for arm, values in by_arm.items()},
        "pooled": pooled,
        "paired": pairs,
        "runs": [{k: v for k, v in run.items() if k != "right"} for run in runs],
        "rows": rows,
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result | details, indent=1) + "\n")
    show(rows, means, details)
    print(json.dumps(result))


def run_self(*arguments: str) -> str:
    """Run this script in a process of its own; return the last line it printed."""
    command = [sys.executable, __file__, *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return done.stdout.strip().rpartition("\n")[2]


def row_of(right: list[bool], waits: list[int]) -> dict[str, Any]:
    """Accuracy with its interval, in all and by the number of completing tiles."""
    by_waits = {
        str(number): [bool(hit) for hit, count in zip(right, waits, strict=True) if count == number]
        for number in sorted(set(waits))
    }
    return proportion(sum(right), len(right)).model_dump() | {
        "by_waits": {number: f"{sum(hits)}/{len(hits)}" for number, hits in by_waits.items()}
    }


def pair(runs: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    """McNemar's exact test between the two arms of one seed, on the same hands."""
    one, other = (
        next(r["right"] for r in runs if r["arm"] == arm and r["seed"] == seed) for arm in ARMS
    )
    only_injection = sum(a and not b for a, b in zip(one, other, strict=True))
    only_answers = sum(b and not a for a, b in zip(one, other, strict=True))
    return {
        "seed": seed,
        "only_injection_right": only_injection,
        "only_answers_right": only_answers,
        "p": mcnemar_p_value(only_injection, only_answers),
    }


def pooled_interval(runs: list[dict[str, Any]], arm: str) -> dict[str, Any]:
    right = [hit for run in runs if run["arm"] == arm for hit in run["right"]]
    return proportion(sum(right), len(right)).model_dump()


def check(name: str, value: float, aim: float) -> dict[str, Any]:
    rounded = round(value, 4)
    return {"name": name, "value": rounded, "aim": aim, "better": "higher", "meets": value >= aim}


def show(rows: dict[str, Any], means: dict[str, float], details: dict[str, Any]) -> None:
    for name, row in rows.items():
        by_waits = "  ".join(f"{k}: {v}" for k, v in row["by_waits"].items())
        interval = f"({100 * row['lo']:.1f}–{100 * row['hi']:.1f})"
        print(f"{name:24} {100 * row['value']:5.1f}% {interval:14} by waits  {by_waits}")
    for arm, mean in means.items():
        print(f"{arm:24} mean {100 * mean:.1f}%, spread {100 * details['spread'][arm]:.1f}")
    for row in details["paired"]:
        print(
            f"seed {row['seed']}: only injection right {row['only_injection_right']}, "
            f"only answers right {row['only_answers_right']}, McNemar p = {row['p']:.2g}"
        )


if __name__ == "__main__":
    main()
