"""What reinforcement adds after Knowledge Injection: the Mahjong example, one seed, paired.

The student learns the verified hands by the example's recipe; then it answers training hands itself
and learns from the verifier's verdicts (GRPO). Both students answer the same held-out hands.

    python benchmarks/reinforcement.py --steps 60

Prints a table and ends with one line of JSON, also under benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.ablation_arms import EXAMPLE, ROOT, WORK, records_path
from benchmarks.ablation_runs import prepare
from stratos.contracts.distillation import Reinforced
from stratos.contracts.records import Record, TrainingRecord, read_jsonl
from stratos.spec import Reinforcement, Spec, Weights
from stratos.spec.reader import read_spec
from stratos.statistics.mcnemar import mcnemar_p_value
from stratos.statistics.wilson import proportion
from training.asking.questions import ask
from training.container.clock import JobClock
from training.judging.judge import Judge
from training.learning.checkpoints import Checkpoints
from training.learning.optimizer import Optimizers
from training.learning.reinforce import Reinforcer
from training.learning.rollouts import RolloutSampler, read_questions, set_aside
from training.learning.trainer import Trainer, TrainingOutcome, TrainingSchedule
from training.objectives.objective import GoldTokens
from training.student.batches import BatchPlan, encode, micro_batches, split_validation
from training.student.student import Student, load_student
from training.teachers.weights import WeightsTeacher

RESULT = ROOT / "benchmarks" / "results" / "reinforcement.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rate", type=float, help="learning rate of reinforcement")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    spec = read_spec((EXAMPLE / "spec.yaml").read_bytes())
    if not records_path("injection").exists():
        prepare(spec)
    settings = Reinforcement(
        steps=arguments.steps,
        learning_rate=arguments.rate,
        max_new_tokens=spec.task.max_reply_tokens,
    )
    compare(spec, settings, arguments.seed)


def compare(spec: Spec, settings: Reinforcement, seed: int) -> None:
    """Learn the records, measure, reinforce, measure again."""
    judge = Judge(spec.task.verifier, spec.task.answer_marker)
    base = EXAMPLE / "models" / "student-base"
    student = load_student(Weights(path=base.name), str(base), "full", "float32", 16, seed)
    records = list(read_jsonl(records_path("injection"), TrainingRecord))
    learned, validation = split_validation(
        encode(records, student.local.chat, max_tokens=512), seed
    )
    outcome = learn(spec, student, learned, validation, seed)
    before = answers(spec, student, judge)
    rate = settings.learning_rate or 0.1 * (spec.training.learning_rate or 0.0)
    unseen = {tuple(one.tokens[: one.prompt_length]) for one in validation}
    questions, aside = set_aside(
        read_questions(records, student, judge, 512 - settings.max_new_tokens), unseen, seed
    )
    result = Reinforcer(
        student,
        RolloutSampler(student, judge, settings, seed, 128),
        questions,
        aside,
        settings,
        Optimizers(student.trained, spec.training, rate),
        TrainingSchedule(settings.steps, rate),
        1024,
        None,
        JobClock(float("inf")),
        lambda step, reward: print(f"step {step:4}  reward {reward:.3f}", flush=True),
    ).run(outcome)
    report(before, answers(spec, student, judge), result, settings, seed, rate)


def report(
    before: list[bool],
    after: list[bool],
    result: Reinforced,
    settings: Reinforcement,
    seed: int,
    rate: float,
) -> None:
    """Compare the answers to the same hands, print the table, and keep it."""
    only_before = sum(a and not b for a, b in zip(before, after, strict=True))
    only_after = sum(b and not a for a, b in zip(before, after, strict=True))
    rows = {
        "injection": proportion(sum(before), len(before)).model_dump(),
        "and reinforcement": proportion(sum(after), len(after)).model_dump(),
    }
    gain = rows["and reinforcement"]["value"] - rows["injection"]["value"]
    p_value = mcnemar_p_value(only_after, only_before)
    summary: dict[str, Any] = {
        "name": "reinforcement",
        "machine": f"{platform.machine()}, one thread, no GPU",
        "checks": [
            {
                "name": "held-out exact match gained by reinforcement",
                "value": round(gain, 4),
                "aim": 0.0,
                "better": "higher",
                "meets": gain >= 0.0,
            }
        ],
    }
    details = {
        "date": datetime.now(UTC).date().isoformat(),
        "seed": seed,
        "learning_rate": rate,
        "settings": settings.model_dump(),
        "seconds": round(result.seconds),
        "rows": rows,
        "only_before": only_before,
        "only_after": only_after,
        "p": p_value,
        "reinforced": result.model_dump(),
    }
    RESULT.write_text(json.dumps(summary | details, indent=1) + "\n")
    for name, row in rows.items():
        interval = f"({100 * row['lo']:.1f}–{100 * row['hi']:.1f})"
        print(f"{name:20} {100 * row['value']:5.1f}% {interval}")
    print(f"only before {only_before}, only after {only_after}, McNemar p = {p_value:.2g}")
    print(json.dumps(summary))


def learn(
    spec: Spec, student: Student, learned: Any, validation: Any, seed: int
) -> TrainingOutcome:
    """Train on the records, or take up where an earlier call of this script did."""
    recipe = spec.training.model_copy(update={"seed": seed})
    assert recipe.learning_rate
    assert recipe.max_steps
    assert recipe.batch_tokens
    return Trainer(
        student,
        BatchPlan(learned, batch_tokens=recipe.batch_tokens, micro_tokens=1024, seed=seed),
        micro_batches(validation, 1024),
        GoldTokens(),
        Optimizers(student.trained, recipe, recipe.learning_rate),
        TrainingSchedule(recipe.max_steps, recipe.learning_rate),
        Checkpoints(WORK / f"injection-{seed}"),
        JobClock(float("inf")),
        lambda *_: None,
    ).run()


def answers(spec: Spec, student: Student, judge: Judge) -> list[bool]:
    """Whether each held-out hand is answered right."""
    student.model.eval()
    heldout = list(read_jsonl(WORK / "heldout.jsonl", Record))
    scored = ask(
        WeightsTeacher(student.local, batch_size=128),
        heldout,
        judge,
        max_new_tokens=spec.task.max_reply_tokens,
        stop=lambda: False,
        on_done=lambda _: None,
    )
    student.model.train()
    return [bool(outcome) for outcome in scored.outcomes]


if __name__ == "__main__":
    main()
