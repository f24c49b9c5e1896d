"""The plainest objective: the records' own tokens."""

import torch

from training.objectives.losses import cross_entropy
from training.objectives.objective import GoldTokens
from training.student.batches import TokenizedExample, micro_batches


def test_gold_tokens_give_each_row_of_logits_its_own_target():
    (batch,) = micro_batches([TokenizedExample([8, 9, 10, 11, 12], 2)], 99)
    logits = torch.randn(3, 20, generator=torch.manual_seed(0))
    loss = GoldTokens().loss_of(batch)
    torch.testing.assert_close(loss(logits, slice(0, 3)), cross_entropy(logits, batch.targets))
    parts = loss(logits[:1], slice(0, 1)) + loss(logits[1:], slice(1, 3))
    torch.testing.assert_close(parts, loss(logits, slice(0, 3)))
