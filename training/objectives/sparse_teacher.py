"""A teacher's distribution, asked for once and kept in 250 bytes a token.

Each position keeps tokens drawn from the teacher instead of all its probabilities: the expected
gradient is that of the whole distribution, which the most probable tokens alone do not give
(arXiv 2503.16870). Over several epochs of a large vocabulary this is cheaper than asking again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stratos.spec import Training
from training.models.decoder import body_states
from training.models.head import Head, read_head
from training.models.weights import LocalModel
from training.objectives.losses import cross_entropy, sampled_cross_entropy
from training.student.batches import MicroBatch, TokenizedExample, micro_batches
from training.student.chunked_loss import LossOfLogits

DRAWS = 50
_CHUNK_TOKENS = 64


@dataclass(frozen=True)
class _Drawn:
    """Of one example: tokens [positions, DRAWS] and how often each was drawn; 0 where repeated."""

    indices: Tensor
    counts: Tensor


class SparseTeacher:
    """(1−α)·cross-entropy + α·cross-entropy against draws from the teacher.

    The second term exceeds forward KL by the teacher's entropy, which no student can change.
    """

    held_bytes = 0

    def __init__(
        self,
        teacher: LocalModel,
        examples: Sequence[TokenizedExample],
        training: Training,
        *,
        vocabulary: int,
        micro_tokens: int,
    ) -> None:
        """Ask the teacher about every example; it is not needed afterwards.

        Args:
            vocabulary: Leading logits that teacher and student share.
        """
        self._training, self._vocabulary = training, vocabulary
        self._drawn: dict[str, _Drawn] = {}
        head = read_head(teacher)
        for batch in micro_batches(examples, micro_tokens):
            self._ask(head, batch.to(torch.device(teacher.model.device)))

    def loss_of(self, batch: MicroBatch) -> LossOfLogits:
        """Return the loss of an example batch that the teacher was asked about."""
        drawn = [self._drawn[key] for key in _keys(batch)]
        device = batch.targets.device
        indices = torch.cat([one.indices for one in drawn]).to(device, torch.long)
        weights = torch.cat([one.counts for one in drawn]).to(device, torch.float32) / DRAWS
        alpha, temperature = self._training.kd_weight, self._training.temperature

        def loss(logits: Tensor, rows: slice) -> Tensor:
            sparse = sampled_cross_entropy(
                logits[:, : self._vocabulary], indices[rows], weights[rows], temperature
            )
            if alpha == 1.0:
                return sparse
            return (1 - alpha) * cross_entropy(logits, batch.targets[rows]) + alpha * sparse

        return loss

    @torch.inference_mode()
    def _ask(self, head: Head, batch: MicroBatch) -> None:
        states = body_states(head.model, batch.tokens, batch.positions)
        for (row, columns), key in zip(batch.examples(), _keys(batch), strict=True):
            generator = torch.Generator(states.device)
            # By content, so that an example's draws do not depend on the batch it fell into.
            generator.manual_seed(int(key[:8], 16) ^ self._training.seed)
            positions = states[row, columns][batch.predicts[row, columns]]
            parts = [
                _draw(head.logits(chunk, self._vocabulary), self._training.temperature, generator)
                for chunk in torch.split(positions, _CHUNK_TOKENS)
            ]
            self._drawn[key] = _Drawn(
                torch.cat([one.indices for one in parts]).cpu(),
                torch.cat([one.counts for one in parts]).cpu(),
            )


def _draw(logits: Tensor, temperature: float, generator: torch.Generator) -> _Drawn:
    """Draw with replacement; repeated draws become one entry with a count."""
    probabilities = torch.softmax(logits.float() / temperature, -1)
    drawn = torch.multinomial(probabilities, DRAWS, replacement=True, generator=generator)
    ordered = drawn.sort(-1).values
    first = torch.ones_like(ordered, dtype=torch.bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    group = first.cumsum(-1) - 1
    counts = torch.zeros_like(ordered).scatter_add_(-1, group, torch.ones_like(ordered))
    # Entry i of a row holds the i-th distinct token; the rest have count 0 and weigh nothing.
    indices = torch.zeros_like(ordered).scatter_(-1, group, ordered)
    return _Drawn(indices.to(torch.int32), counts.to(torch.uint8))


def _keys(batch: MicroBatch) -> list[str]:
    """Name each example by what it predicts and what it has seen."""
    keys: list[str] = []
    rows, all_predicts = batch.tokens.cpu(), batch.predicts.cpu()
    for row, columns in batch.examples():
        tokens = rows[row, columns]
        positions = all_predicts[row, columns].nonzero().squeeze(1)
        first, last = int(positions[0]), int(positions[-1])
        content = f"{first}:{tokens[: last + 2].tolist()}"
        keys.append(hashlib.sha256(content.encode()).hexdigest())
    return keys
