"""How the next token is drawn."""

import torch

from serving.sampling import nucleus


def test_the_nucleus_is_the_fewest_tokens_that_reach_the_mass():
    kept = nucleus(torch.tensor([0.1, 0.5, 0.15, 0.25]), 0.7)
    torch.testing.assert_close(kept, torch.tensor([0.0, 2 / 3, 0.0, 1 / 3]))
