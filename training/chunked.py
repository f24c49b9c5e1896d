"""A loss on hidden states that never holds [tokens, vocabulary].

Logits of a large vocabulary dominate the memory of training. Here a few tokens at a time are
projected, their loss and its gradient computed, and the logits freed: what remains is the gradient
with respect to hidden states and head, which backward only has to scale.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

LossOfLogits = Callable[[Tensor, slice], Tensor]
"""From the logits of some tokens, and which tokens they are, to the summed loss."""

_MAX_LOGITS = {"cpu": 1 << 22, "cuda": 1 << 26}
"""Logits held at once; a loss makes some ten tensors of that size."""


def projected_loss(
    hidden: Tensor, weight: Tensor, loss_of: LossOfLogits, chunk_tokens: int | None = None
) -> Tensor:
    """Return `loss_of` summed over chunks of the projected hidden states.

    Args:
        hidden: [tokens, hidden size].
        weight: The head, [vocabulary, hidden size].
        loss_of: Must depend on the logits of each token alone; it is differentiated inside.
        chunk_tokens: Where left out, as many as keep the logits within 16 MiB of float32 on a CPU
            and 256 MiB on a GPU.
    """
    most = _MAX_LOGITS.get(hidden.device.type, _MAX_LOGITS["cpu"])
    size = chunk_tokens or max(16, most // weight.shape[0])
    if len(hidden) <= size:
        return loss_of(hidden @ weight.T, slice(0, len(hidden)))
    loss: Tensor = _ChunkedLoss.apply(hidden, weight, loss_of, size)  # type: ignore[no-untyped-call]
    return loss


class _ChunkedLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, loss_of: LossOfLogits, size: int
    ) -> Tensor:
        wants_hidden, wants_weight = ctx.needs_input_grad[:2]
        hidden_grad = torch.empty_like(hidden) if wants_hidden else None
        weight_grad = torch.zeros_like(weight) if wants_weight else None
        total = None
        for start in range(0, len(hidden), size):
            rows = slice(start, min(start + size, len(hidden)))
            states = hidden[rows].detach()
            logits = (states @ weight.detach().T).requires_grad_()
            with torch.enable_grad():
                loss = loss_of(logits, rows)
            total = loss.detach() if total is None else total + loss.detach()
            if wants_hidden or wants_weight:
                (gradient,) = torch.autograd.grad(loss, logits)
                del logits, loss
                gradient = gradient.to(hidden.dtype)
                if hidden_grad is not None:
                    torch.mm(gradient, weight.detach().to(hidden.dtype), out=hidden_grad[rows])
                if weight_grad is not None:
                    weight_grad.addmm_(gradient.T.to(weight.dtype), states.to(weight.dtype))
        ctx.save_for_backward(hidden_grad, weight_grad)
        assert total is not None
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        hidden_grad, weight_grad = ctx.saved_tensors
        return (
            None if hidden_grad is None else hidden_grad * grad_output.to(hidden_grad.dtype),
            None if weight_grad is None else weight_grad * grad_output.to(weight_grad.dtype),
            None,
            None,
        )
