"""Activations of the forward pass: kept for the backward pass, or computed again there."""

from __future__ import annotations

import logging

from stratos.planning.forecast.memory import TrainingMemory, fits
from stratos.spec import Training
from stratos.units import GIB
from training.container.host import device_memory_gib, runtime
from training.container.world import World
from training.models.shape import shape_of
from training.student.student import Student

_log = logging.getLogger(__name__)


def checkpoint_activations(
    student: Student,
    training: Training,
    micro_tokens: int,
    world: World,
    other_bytes: int = 0,
) -> bool:
    """Have activations computed again if that was asked for, or if they would not fit.

    Args:
        other_bytes: On each device beside the student, such as its teacher's weights.
    """
    wanted = training.activation_checkpointing
    if wanted == "auto":
        needed = TrainingMemory(
            shape_of(student.local.name, student.model.config, student.num_parameters),
            student.method,
            2.0 if student.precision == "bfloat16" else 4.0,
            micro_tokens,
            training.lora_rank,
            runtime(),
            training.optimizer,
            checkpointed=False,
            num_devices=world.size,
            writes=training.writes_samples,
        )
        wanted = not fits(needed.gib + other_bytes / GIB, device_memory_gib())
    if wanted:
        _log.info("activations are computed again in the backward pass")
        student.model.activation_checkpointing_enable()
    return wanted
