"""The parts of the ablation that need a model: what each arm learns from, and one training run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from benchmarks.ablation_arms import EXAMPLE, WORK, Arm, records_path
from stratos.contracts.records import Record, TrainingRecord, read_jsonl, write_jsonl
from stratos.dataset.inspect_dataset import DataFile, inspect_dataset
from stratos.scoring.reply import judge_reply
from stratos.spec import Spec, StrategyName, Weights
from stratos.statistics.wilson import proportion
from training.asking.prompts import alignment_messages
from training.asking.questions import sample
from training.asking.rejection_sampling import RejectionSampler, VerifiedRecords
from training.container.clock import JobClock
from training.judging.checker import load_checker
from training.judging.judge import Judge
from training.learning.optimizer import Optimizers
from training.learning.trainer import Trainer, TrainingSchedule
from training.models.weights import LocalModel, load_model
from training.objectives.objective import GoldTokens
from training.student.batches import (
    BatchPlan,
    TokenizedExample,
    encode,
    micro_batches,
    split_validation,
)
from training.student.student import Student, load_student
from training.teachers.teacher import Request
from training.teachers.weights import WeightsTeacher

_TEACHER = EXAMPLE / "models" / "teacher"
_STUDENT = EXAMPLE / "models" / "student-base"
_MAX_TOKENS = 512
_MICRO_TOKENS = 1024
_BLENDED_FIRST = 1000
"""Questions that show whether a blend differs from injection at all, before all are asked."""
Row = TypeVar("Row", Record, TrainingRecord)


def device_name() -> str:
    """The accelerator that these runs would use, or that there is none."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"


def prepare(spec: Spec) -> None:
    """Split the dataset, and let the teacher write what each arm trains on.

    Injection and blend are the pipeline's own synthesis of the same questions. Alignment proper
    would keep what the teacher answers right; its arm learns from all that the teacher answers to
    the hands of the injection arm, right or not, so that it has anything to learn from.
    """
    WORK.mkdir(parents=True, exist_ok=True)
    file = EXAMPLE / spec.task.dataset
    inspect_dataset([DataFile(file.name, lambda: file.open("rb"))], spec.task, WORK)
    judge = Judge(spec.task.verifier, spec.task.answer_marker, load_checker(EXAMPLE))
    teacher = WeightsTeacher(
        load_model("teacher", str(_TEACHER)), batch_size=128, seed=spec.training.seed
    )
    questions = sample(
        list(read_jsonl(WORK / "train.jsonl", Record)),
        spec.synthesis.max_records,
        spec.training.seed,
    )

    def synthesize(strategy: StrategyName, asked: list[Record]) -> VerifiedRecords:
        return RejectionSampler(
            teacher, judge, spec.synthesis, stop=lambda: False, on_done=lambda *_: None
        ).run(asked, strategy)

    injected = synthesize("injection", questions).records
    blend = synthesize("blend", questions[:_BLENDED_FIRST])
    blended = injected
    if blend.records != _of(injected, questions[:_BLENDED_FIRST]):
        blended = synthesize("blend", questions).records
    hands = _of(questions, injected)
    answered = _answers(spec, teacher, judge, hands)
    solved = [bool(judge.by_rule(one.completion, one.answer).is_right) for one in answered]
    write_jsonl(records_path("injection"), injected)
    write_jsonl(records_path("blend"), blended)
    write_jsonl(records_path("alignment"), answered)
    yields = {
        "injection": proportion(len(injected), len(questions)).model_dump(),
        "injection_by_waits": _shares_by_waits(questions, injected),
        "alignment, every attempt": proportion(
            blend.kept["alignment"], min(_BLENDED_FIRST, len(questions))
        ).model_dump(),
        "alignment, greedy": proportion(sum(solved), len(hands)).model_dump(),
        "alignment, greedy, with an end": len(answered),
    }
    (WORK / "yields.json").write_text(json.dumps(yields))


def _of(rows: Sequence[Row], others: Sequence[Record | TrainingRecord]) -> list[Row]:
    """The rows whose id is that of one of the others."""
    ids = {other.id for other in others}
    return [row for row in rows if row.id in ids]


def _shares_by_waits(questions: Sequence[Record], kept: Sequence[TrainingRecord]) -> dict[str, str]:
    """How many hands were explained, by the number of their completing tiles."""
    asked = Counter(len((record.gold or "").split()) for record in questions)
    explained = Counter(len((record.answer or "").split()) for record in kept)
    return {str(waits): f"{explained[waits]}/{asked[waits]}" for waits in sorted(asked)}


def _answers(
    spec: Spec, teacher: WeightsTeacher, judge: Judge, hands: list[Record]
) -> list[TrainingRecord]:
    """What the teacher answers by itself, whether right or not, unless it found no end."""
    limit = spec.task.max_reply_tokens
    requests = [Request(alignment_messages(hand, spec.synthesis, judge), limit) for hand in hands]
    answers = teacher.generate(requests, stop=lambda: False, on_answer=lambda *_: None)
    return [
        TrainingRecord(
            id=hand.id,
            messages=hand.messages,
            completion=answer.text,
            answer=hand.gold,
            strategy="alignment",
        )
        for hand, answer in zip(hands, answers, strict=True)
        if answer is not None and answer.finished
    ]


def _num_tokens(examples: Sequence[TokenizedExample]) -> int:
    return sum(len(example.tokens) for example in examples)


def train_and_score(spec: Spec, arm: Arm, seed: int) -> dict[str, Any]:
    """Train one student and answer every held-out question with it."""
    assert spec.training.batch_tokens
    student = _student(_STUDENT, seed)
    records = list(read_jsonl(records_path(arm), TrainingRecord))
    whole = encode(records, student.local.chat, max_tokens=_MAX_TOKENS)
    examples = whole
    if arm.startswith("answers"):
        marker = spec.task.answer_marker
        examples = encode(
            records, student.local.chat, max_tokens=_MAX_TOKENS, answers_only_marker=marker
        )
    batch_tokens = spec.training.batch_tokens
    if arm == "answers_as_often":
        batch_tokens = round(batch_tokens * _num_tokens(examples) / _num_tokens(whole))
    heldout = list(read_jsonl(WORK / "heldout.jsonl", Record))
    run = _run(spec, student, examples, heldout, batch_tokens, seed)
    return {"arm": arm, "seed": seed} | run


def train_on(
    spec: Spec,
    student: Path,
    records: list[TrainingRecord],
    heldout: list[Record],
    seed: int,
    *,
    answers_only: bool,
) -> dict[str, Any]:
    """Train any student on given records and answer every held-out question with it."""
    assert spec.training.batch_tokens
    learner = _student(student, seed)
    marker = spec.task.answer_marker if answers_only else None
    examples = encode(
        records, learner.local.chat, max_tokens=_MAX_TOKENS, answers_only_marker=marker
    )
    return _run(spec, learner, examples, heldout, spec.training.batch_tokens, seed)


def _student(folder: Path, seed: int) -> Student:
    return load_student(Weights(path=folder.name), str(folder), "full", "float32", 16, seed)


def _run(
    spec: Spec,
    student: Student,
    examples: list[TokenizedExample],
    heldout: list[Record],
    batch_tokens: int,
    seed: int,
) -> dict[str, Any]:
    recipe = spec.training.model_copy(update={"seed": seed})
    assert recipe.learning_rate
    assert recipe.max_steps
    learned, validation = split_validation(examples, seed)
    plan = BatchPlan(learned, batch_tokens=batch_tokens, micro_tokens=_MICRO_TOKENS, seed=seed)
    outcome = Trainer(
        student,
        plan,
        micro_batches(validation, _MICRO_TOKENS),
        GoldTokens(),
        Optimizers(student.trained, recipe, recipe.learning_rate),
        TrainingSchedule(recipe.max_steps, recipe.learning_rate),
        None,
        JobClock(float("inf")),
        lambda *_: None,
    ).run()
    student.model.eval()
    state = outcome.state
    return {
        "records": len(examples),
        "steps": state.step,
        "passes": round(state.step / plan.steps_per_epoch, 1),
        "training_tokens": state.tokens,
        "seconds": round(state.seconds),
        "validation_losses": [
            round(point.validation_loss, 4)
            for point in state.curve
            if point.validation_loss is not None
        ],
        "right": answer(spec, student.local, heldout),
    }


def answer(spec: Spec, model: LocalModel, heldout: list[Record]) -> list[bool]:
    """Whether a model's answer to each held-out question is right."""
    limit = spec.task.max_reply_tokens
    answers = WeightsTeacher(model, batch_size=128).generate(
        [Request(record.messages, limit) for record in heldout],
        stop=lambda: False,
        on_answer=lambda *_: None,
    )
    task = spec.task
    return [
        found is not None
        and judge_reply(
            found.text,
            finished=found.finished,
            marker=task.answer_marker,
            verifier=task.verifier,
            gold=record.gold,
        ).is_right
        is True
        for found, record in zip(answers, heldout, strict=True)
    ]
