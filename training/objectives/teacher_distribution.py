"""A teacher's distribution as the objective, where it reads the same tokens as the student."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from stratos.spec import Training
from training.models.decoder import body_states, restarts_isolate
from training.models.head import read_head
from training.models.weights import LocalModel
from training.objectives.losses import cross_entropy, generalized_jsd
from training.student.batches import MicroBatch
from training.student.chunked_loss import LossOfLogits


class TeacherDistribution:
    """(1−α)·cross-entropy + α·divergence from a white-box teacher on the same tokens.

    On the student's own samples the divergence alone: they are no example to follow.
    """

    def __init__(self, teacher: LocalModel, training: Training, vocabulary: int) -> None:
        """Find out how the teacher makes its logits.

        Args:
            vocabulary: Leading logits that both models share.
        """
        self._teacher, self._training, self._vocabulary = teacher, training, vocabulary
        self._head = read_head(teacher)
        self._packs = not training.packing or restarts_isolate(teacher)

    @property
    def held_bytes(self) -> int:
        return self._teacher.num_bytes

    def loss_of(self, batch: MicroBatch) -> LossOfLogits:
        with torch.no_grad():
            states = self._states(batch)
        head, alpha, shared = self._head, self._training.kd_weight, self._vocabulary

        def loss(logits: Tensor, rows: slice) -> Tensor:
            with torch.no_grad():
                theirs = head.logits(states[rows], shared)
            divergence = generalized_jsd(
                logits[:, :shared],
                theirs,
                beta=self._training.jsd_beta,
                temperature=self._training.temperature,
            )
            if alpha == 1.0 or not batch.gold:
                return divergence
            return (1 - alpha) * cross_entropy(logits, batch.targets[rows]) + alpha * divergence

        return loss

    def _states(self, batch: MicroBatch) -> Tensor:
        """What the teacher's head projects for each target."""
        model = self._teacher.model
        if batch.positions is None or self._packs:
            return body_states(model, batch.tokens, batch.positions)[batch.predicts]
        examples = list(batch.examples())
        parts = [batch.tokens[row, columns] for row, columns in examples]
        states = body_states(model, pad_sequence(parts, batch_first=True))
        wanted = [batch.predicts[row, columns] for row, columns in examples]
        return states[pad_sequence(wanted, batch_first=True)]
