"""A teacher's distribution as the objective, where it reads the same tokens as the student."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stratos.spec import Training
from training.models.decoder import body_states
from training.models.weights import LocalModel
from training.objectives.losses import cross_entropy, generalized_jsd
from training.student.batches import MicroBatch
from training.student.chunked_loss import LossOfLogits


@dataclass(frozen=True)
class TeacherDistribution:
    """(1−α)·cross-entropy + α·divergence from a white-box teacher on the same tokens.

    On the student's own samples the divergence alone: they are no example to follow.

    Attributes:
        vocabulary: Leading logits that both models share.
    """

    teacher: LocalModel
    training: Training
    vocabulary: int

    @property
    def held_bytes(self) -> int:
        return self.teacher.num_bytes

    def loss_of(self, batch: MicroBatch) -> LossOfLogits:
        with torch.no_grad():
            states = body_states(self.teacher.model, batch.tokens, batch.positions)
            states = states[batch.predicts]
        head = self.teacher.model.get_output_embeddings().weight
        alpha, shared = self.training.kd_weight, self.vocabulary

        def loss(logits: Tensor, rows: slice) -> Tensor:
            with torch.no_grad():
                theirs = states[rows] @ head.T
            divergence = generalized_jsd(
                logits[:, :shared],
                theirs[:, :shared],
                beta=self.training.jsd_beta,
                temperature=self.training.temperature,
            )
            if alpha == 1.0 or not batch.gold:
                return divergence
            return (1 - alpha) * cross_entropy(logits, batch.targets[rows]) + alpha * divergence

        return loss
