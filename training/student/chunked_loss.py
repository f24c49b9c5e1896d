"""A loss on hidden states that never holds [tokens, vocabulary].

Logits of a large vocabulary dominate the memory of training. Here a few tokens at a time are
projected, their loss and its gradient computed, and the logits freed: what remains is the gradient
with respect to hidden states and head, which backward only has to scale.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

LossOfLogits = Callable[[Tensor, slice], Tensor]
"""From the logits of some tokens, and which tokens they are, to the summed loss."""

_MAX_LOGITS = {"cpu": 6 << 20, "cuda": 1 << 26}
"""Logits held at once; a loss makes some ten tensors of that size."""


def chunk_tokens(device_type: str, vocabulary: int) -> int:
    """Return how many tokens' logits are held at once."""
    return max(16, _MAX_LOGITS.get(device_type, _MAX_LOGITS["cpu"]) // vocabulary)


def projected_loss(
    hidden: Tensor,
    weight: Tensor,
    loss_of: LossOfLogits,
    tokens: int | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """Return `loss_of` summed over chunks of the projected hidden states.

    Args:
        hidden: [tokens, hidden size].
        weight: The head, [vocabulary, hidden size].
        loss_of: Must depend on the logits of each token alone; it is differentiated inside.
        tokens: In a chunk; if omitted, as many as keep the logits within 24 MiB of float32 on a
            CPU and 256 MiB on a GPU.
        bias: Of the head, [vocabulary].
    """
    size = tokens or chunk_tokens(hidden.device.type, weight.shape[0])
    if len(hidden) <= size:
        return loss_of(nn.functional.linear(hidden, weight, bias), slice(0, len(hidden)))
    if not torch.is_grad_enabled():
        weight = weight.detach()
    arguments = (hidden, weight, bias, loss_of, size)
    loss: Tensor = _ChunkedLoss.apply(*arguments)  # type: ignore[no-untyped-call]
    return loss


class _ChunkedLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        loss_of: LossOfLogits,
        size: int,
    ) -> Tensor:
        wants_hidden, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        hidden_grad = torch.empty_like(hidden) if wants_hidden else None
        weight_grad = torch.zeros_like(weight) if wants_weight else None
        bias_grad = torch.zeros_like(bias) if bias is not None and wants_bias else None
        total = None
        # One buffer for the logits of every chunk: fresh memory has to be cleared by the kernel.
        buffer = hidden.new_empty((min(size, len(hidden)), len(weight)), dtype=_product(hidden))
        head = weight.detach().to(buffer.dtype)
        for start in range(0, len(hidden), size):
            rows = slice(start, min(start + size, len(hidden)))
            states = hidden[rows].detach().to(buffer.dtype)
            logits = buffer[: len(states)]
            torch.mm(states, head.T, out=logits)
            if bias is not None:
                logits += bias.detach()
            logits = logits.detach().requires_grad_()
            with torch.enable_grad():
                loss = loss_of(logits, rows)
            total = loss.detach() if total is None else total + loss.detach()
            if wants_hidden or wants_weight or wants_bias:
                (gradient,) = torch.autograd.grad(loss, logits)
                del logits, loss
                gradient = gradient.to(hidden.dtype)
                if hidden_grad is not None:
                    torch.mm(gradient, weight.detach().to(hidden.dtype), out=hidden_grad[rows])
                if weight_grad is not None:
                    weight_grad.addmm_(gradient.T.to(weight.dtype), states.to(weight.dtype))
                if bias_grad is not None:
                    bias_grad += gradient.sum(0)
        ctx.save_for_backward(hidden_grad, weight_grad, bias_grad)
        assert total is not None
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        gradients = ctx.saved_tensors
        if torch._C._autograd._get_current_graph_task_keep_graph():
            gradients = [None if kept is None else kept.clone() for kept in gradients]
        # In place: the head's gradient is as large as the head, and needed once.
        for gradient in gradients:
            if gradient is not None:
                gradient.mul_(grad_output)
        return (*gradients, None, None)


def _product(hidden: Tensor) -> torch.dtype:
    """The type that a matrix product of hidden states has here."""
    kind = hidden.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype
