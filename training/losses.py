"""Losses as pure functions of tensors, in nats, summed over tokens."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812  (the field's name for it)
from torch import Tensor


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the summed negative log-likelihood of the targets.

    Args:
        logits: [tokens, vocabulary].
        targets: [tokens].
    """
    return F.cross_entropy(logits.float(), targets, reduction="sum")
