"""A large vocabulary over three epochs: the teacher asked at every step, or once and kept.

Forward KL at a vocabulary of 151,936. Asking once counts in the cached teacher's time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor
from transformers import Qwen3ForCausalLM

from benchmarks.distill_data import LEARNING_RATE, STUDENT, TEACHER, draw_batches, make_model
from stratos.spec import Training
from tests.unit.training.tiny_models import make_tokenizer
from training.models.chat import ChatFormat
from training.models.decoder import body_states
from training.models.weights import LocalModel
from training.objectives.objective import Objective
from training.objectives.sparse_teacher import SparseTeacher
from training.objectives.teacher_distribution import TeacherDistribution
from training.student.batches import MicroBatch, TokenizedExample, micro_batches
from training.student.chunked_loss import projected_loss

VOCABULARY, ROWS, STEPS, EPOCHS = 151_936, 6, 2, 3
TRAINING = Training(kd_weight=1.0)

Measured = dict[str, float]


def teacher_cached() -> Measured:
    return _measure(
        lambda teacher, examples: SparseTeacher(
            teacher, examples, TRAINING, vocabulary=VOCABULARY, micro_tokens=1_024
        )
    )


def teacher_online() -> Measured:
    return _measure(lambda teacher, _: TeacherDistribution(teacher, TRAINING, VOCABULARY))


def _measure(open_teacher: Callable[[LocalModel, list[TokenizedExample]], Objective]) -> Measured:
    tokenizer = make_tokenizer()
    model = make_model(TEACHER, 1, VOCABULARY).eval()
    with torch.no_grad():
        # As sure of the next token as trained models are; random ones prefer none of 151,936.
        model.lm_head.weight.mul_(40)
    teacher = LocalModel("teacher", model, tokenizer, ChatFormat(tokenizer))
    student = make_model(STUDENT, 0, VOCABULARY)
    steps = [batch[:ROWS] for batch in draw_batches()[:STEPS]]
    examples = [example for step in steps for example in step]
    exact = TeacherDistribution(teacher, TRAINING, VOCABULARY)
    before = _mean_loss(student, exact, examples)
    optimizer = torch.optim.AdamW(student.parameters(), lr=LEARNING_RATE, fused=True)
    cpu, wall = time.process_time(), time.perf_counter()
    objective = open_teacher(teacher, examples)
    for step in steps * EPOCHS:
        batches = micro_batches(step, 1_024)
        count = sum(len(batch.targets) for batch in batches)
        for batch in batches:
            (_loss(student, objective, batch) / count).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    tokens = EPOCHS * sum(len(example.tokens) for example in examples)
    return {
        "tokens_per_cpu_second": tokens / cpu,
        "tokens_per_second": tokens / wall,
        "divergence_before": before,
        "divergence": _mean_loss(student, exact, examples),
    }


def _loss(student: Qwen3ForCausalLM, objective: Objective, batch: MicroBatch) -> Tensor:
    hidden = body_states(student, batch.tokens)[batch.predicts]
    return projected_loss(hidden, student.lm_head.weight, objective.loss_of(batch))


def _mean_loss(
    student: torch.nn.Module, objective: Objective, examples: list[TokenizedExample]
) -> float:
    batches = micro_batches(examples, 1_024)
    with torch.no_grad():
        total = sum(float(_loss(student, objective, batch)) for batch in batches)
    return total / sum(len(batch.targets) for batch in batches)
