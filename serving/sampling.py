"""From logits to the next token: greedy, or seeded sampling with temperature and nucleus."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class TokenSampling:
    """How one completion is drawn."""

    temperature: float = 0.0
    """0 takes the most likely token."""
    top_p: float = 1.0
    seed: int | None = None


class TokenSampler:
    """Draws the tokens of one sequence. The same seed gives the same tokens in any batch."""

    def __init__(self, sampling: TokenSampling) -> None:
        self.sampling = sampling
        self._generator = torch.Generator()
        if sampling.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(sampling.seed)

    def draw(self, logits: torch.Tensor) -> int:
        """Return a token id, given logits [vocabulary]."""
        if self.sampling.temperature == 0:
            return int(logits.argmax())
        probabilities = torch.softmax(logits.float() / self.sampling.temperature, dim=-1)
        if self.sampling.top_p < 1:
            probabilities = nucleus(probabilities, self.sampling.top_p)
        return int(torch.multinomial(probabilities.cpu(), 1, generator=self._generator))


def nucleus(probabilities: torch.Tensor, top_p: float) -> torch.Tensor:
    """Keep the fewest most likely tokens whose mass reaches `top_p`, and renormalise them."""
    ordered, order = probabilities.sort(descending=True)
    outside = ordered.cumsum(0) - ordered >= top_p
    kept = torch.zeros_like(probabilities)
    kept[order] = ordered.masked_fill(outside, 0)
    return kept / kept.sum()
