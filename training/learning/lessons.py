"""The records as a student learns them: tokens, batches, and what is set aside."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from math import ceil

from stratos.contracts.jobs import DistillConfig
from stratos.contracts.records import TrainingRecord
from stratos.planning.forecast.devices import micro_tokens as micro_tokens_of
from stratos.spec.training import DEFAULT_BATCH_TOKENS, DEFAULT_EPOCHS
from training.container.host import runtime
from training.container.world import World
from training.job.job import Job
from training.student.batches import (
    BatchPlan,
    TokenizedExample,
    encode,
    split_validation,
)
from training.student.student import Student

_DEFAULT_SEQUENCE_TOKENS = 4_096
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lessons:
    """The records as one student learns them.

    Attributes:
        validation: Examples that only tell which weights are best.
        max_tokens: Of one example, prompt and completion.
        micro_tokens: Of one batch on a device, padding included.
        planned_steps: Of learning from the records, if nothing stops it before.
    """

    records: list[TrainingRecord]
    examples: list[TokenizedExample]
    validation: list[TokenizedExample]
    plan: BatchPlan
    max_tokens: int
    micro_tokens: int
    planned_steps: int


def prepare(
    job: Job[DistillConfig], world: World, student: Student, records: list[TrainingRecord]
) -> Lessons:
    """Tokenize the records, set some aside for validation, and plan the batches of every step."""
    training = job.config.training
    max_tokens = min(
        training.max_sequence_tokens or _DEFAULT_SEQUENCE_TOKENS, student.local.max_positions
    )
    examples = encode(
        records,
        student.local.chat,
        max_tokens=max_tokens,
        answers_only_marker=job.config.judging.answer_marker if training.answers_only else None,
    )
    learned, validation = split_validation(examples, training.seed)
    batch_tokens = training.batch_tokens or DEFAULT_BATCH_TOKENS
    longest = max(len(example.tokens) for example in examples)
    micro_tokens = micro_tokens_of(
        runtime(), student.num_parameters, batch_tokens, longest, world.size
    )
    plan = BatchPlan(
        learned,
        batch_tokens=batch_tokens,
        micro_tokens=micro_tokens,
        seed=training.seed,
        packed=training.packing and _keeps_apart(student),
        processes=world.size,
    )
    epochs = training.epochs or DEFAULT_EPOCHS
    planned_steps = training.max_steps or ceil(epochs * plan.steps_per_epoch)
    return Lessons(records, examples, validation, plan, max_tokens, micro_tokens, planned_steps)


def _keeps_apart(student: Student) -> bool:
    """Whether rows can be shared; said where they cannot."""
    apart = student.keeps_apart()
    if not apart:
        _log.warning(
            "training.packing is off: in layers of %s an example would see the one before it",
            type(student.model).__name__,
        )
    return apart
