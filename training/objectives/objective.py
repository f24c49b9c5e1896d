"""What a student learns from: the interface, and the plainest one, the records' own tokens."""

from __future__ import annotations

from typing import Protocol

from training.objectives.losses import cross_entropy
from training.student.batches import MicroBatch
from training.student.chunked_loss import LossOfLogits


class Objective(Protocol):
    """Turns a micro-batch into the loss of its logits."""

    @property
    def held_bytes(self) -> int:
        """Weights that it keeps on the device."""
        ...

    def loss_of(self, batch: MicroBatch) -> LossOfLogits: ...


class GoldTokens:
    """Cross-entropy on the completion's tokens."""

    held_bytes = 0

    def loss_of(self, batch: MicroBatch) -> LossOfLogits:
        return lambda logits, rows: cross_entropy(logits, batch.targets[rows])
