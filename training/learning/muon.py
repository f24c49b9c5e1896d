"""Muon, orthogonalising in what the device is fast in, and matrices of one shape together.

torch's own computes in bfloat16 everywhere. CPUs without instructions for it emulate it: there the
optimizer took longer than forward and backward pass together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.optim import Muon as TorchMuon

_MOST_TOGETHER = 1 << 24
"""Values of the matrices that are orthogonalised together: copies of them are made."""


class Muon(TorchMuon):
    """Momentum, orthogonalised (Keller Jordan's Muon); state and settings are torch's."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        assert closure is None, "a step has its gradients already"
        for group in self.param_groups:
            updates = (
                (parameter, self._direction(parameter, group))
                for parameter in group["params"]
                if parameter.grad is not None
            )
            for parameters, directions in _by_shape(updates):
                orthogonal = orthogonalised(
                    directions, group["ns_coefficients"], group["ns_steps"], group["eps"]
                )
                rate = group["lr"] * math.sqrt(max(1.0, directions.size(-2) / directions.size(-1)))
                for parameter, update in zip(parameters, orthogonal, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update, alpha=-rate)

    def _direction(self, parameter: Tensor, group: dict[str, Any]) -> Tensor:
        """The gradient with its momentum, which is kept."""
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        momentum: Tensor = state["momentum_buffer"]
        momentum.lerp_(gradient, 1 - group["momentum"])
        return gradient.lerp(momentum, group["momentum"]) if group["nesterov"] else momentum


def orthogonalised(
    matrices: Tensor, coefficients: tuple[float, float, float], steps: int, least_norm: float
) -> Tensor:
    """The nearest semi-orthogonal matrices, roughly: singular values between 0.7 and 1.2.

    Newton–Schulz iteration with a quintic; bfloat16 is enough for it where the device has it.

    Args:
        matrices: [..., rows, columns].
        steps: Of the iteration.
        least_norm: Smaller matrices are not scaled up to norm 1.
    """
    a, b, c = coefficients
    tall = matrices.size(-2) > matrices.size(-1)
    x = matrices.to(_precision(matrices.device))
    x = x.mT if tall else x
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=least_norm)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    found: Tensor = x.mT if tall else x
    return found


def _precision(device: torch.device) -> torch.dtype:
    return torch.bfloat16 if device.type == "cuda" else torch.float32


def _by_shape(
    updates: Iterable[tuple[Tensor, Tensor]],
) -> Iterable[tuple[list[Tensor], Tensor]]:
    """Parameters with their directions stacked, [matrices, rows, columns]; spread ones alone."""
    groups: dict[tuple[int, ...], list[tuple[Tensor, Tensor]]] = {}
    for parameter, direction in updates:
        if isinstance(direction, DTensor):
            yield [parameter], direction[None]
            continue
        shape = tuple(direction.shape)
        group = groups.setdefault(shape, [])
        group.append((parameter, direction))
        if (len(group) + 1) * direction.numel() > _MOST_TOGETHER:
            yield _stacked(groups.pop(shape))
    for group in groups.values():
        yield _stacked(group)


def _stacked(group: list[tuple[Tensor, Tensor]]) -> tuple[list[Tensor], Tensor]:
    return [parameter for parameter, _ in group], torch.stack([each for _, each in group])
