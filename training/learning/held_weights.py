"""The trained weights of a process, held beside the student and kept in checkpoints."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from training.container.world import World
from training.learning.checkpoints import Checkpoint, Checkpoints
from training.learning.optimizer import Optimizers
from training.student.sharding import from_local, gathered, local, spread
from training.student.student import Student

_WEIGHTS, _OPTIMIZER = "weights", "optimizer"


def weights_now(student: Student) -> dict[str, Tensor]:
    """Copy what this process has of the trained weights into main memory."""
    return {
        name: local(parameter.detach()).to("cpu", copy=True)
        for name, parameter in student.trainable().items()
    }


def put_back(student: Student, held: Mapping[str, Tensor]) -> None:
    """Give the student weights that this process holds, all that are trained."""
    with torch.no_grad():
        for name, parameter in student.trainable().items():
            local(parameter).copy_(held[name])


def checkpoint_tensors(
    student: Student, optimizers: Optimizers, others: Mapping[str, Mapping[str, Tensor]]
) -> dict[str, Tensor]:
    """What a checkpoint keeps of a student in training.

    Args:
        others: Weights held beside it, by what they are.
    """
    trainable = student.trainable()
    tensors = {f"{_WEIGHTS}.{k}": v.detach() for k, v in trainable.items()}
    for kind, held in others.items():
        tensors |= {f"{kind}.{k}": from_local(v, trainable[k]) for k, v in held.items()}
    return tensors | {f"{_OPTIMIZER}.{k}": v for k, v in optimizers.tensors().items()}


def restore(
    student: Student, optimizers: Optimizers, checkpoint: Checkpoint, kinds: Iterable[str]
) -> list[dict[str, Tensor]]:
    """Put a student back into training as `checkpoint_tensors` found it.

    Returns:
        For each of `kinds` the weights held beside it; empty where there were none.
    """
    groups: defaultdict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, value in checkpoint.tensors.items():
        kind, _, key = name.partition(".")
        groups[kind][key] = value
    put_back(student, _parts(student, groups[_WEIGHTS]))
    optimizers.restore(groups[_OPTIMIZER])
    return [_parts(student, groups[kind]) for kind in kinds]


def save(checkpoints: Checkpoints, checkpoint: Checkpoint, world: World) -> None:
    """Write a checkpoint once, whole: it does not depend on how many processes wrote it."""
    if world.size > 1:
        whole = gathered(checkpoint.tensors, keep=world.is_first)
        checkpoint = replace(checkpoint, tensors=whole)
    if world.is_first:
        checkpoints.save(checkpoint)


def _parts(student: Student, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What this process holds of weights that a checkpoint has whole."""
    trainable = student.trainable()
    return {
        name: local(spread(value, trainable[name])).to("cpu") for name, value in weights.items()
    }
