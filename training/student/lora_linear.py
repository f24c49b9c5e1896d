"""A linear layer with its LoRA adapter, added in place."""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora import Linear
from torch import Tensor, nn


class LoraLinear(Linear):  # type: ignore[misc]
    """peft's, without its three temporaries as large as what the layer gives.

    On a CPU glibc's heap cannot use the room of all of them again: between them lies what stays
    for the backward pass.
    """

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return what the base gives plus scaling · x · Aᵀ · Bᵀ."""
        if args or kwargs or self.disable_adapters or self.merged or not self._adds_plainly(x):
            whole: Tensor = super().forward(x, *args, **kwargs)
            return whole
        (name,) = self.active_adapters
        result: Tensor = self.base_layer(x)
        inner: Tensor = self.lora_A[name](x)
        outer = self.lora_B[name].weight.to(inner.dtype).T
        return result.baddbmm_(inner, outer.expand(len(x), -1, -1), alpha=self.scaling[name])

    def _adds_plainly(self, x: Tensor) -> bool:
        """Whether there is one adapter, as `Student` makes it, that computes in the base's type."""
        names = self.active_adapters
        if len(names) != 1 or names[0] not in self.lora_A or self.lora_variant or x.dim() != 3:
            return False
        drops = not isinstance(self.lora_dropout[names[0]], nn.Identity)
        if drops or self.lora_B[names[0]].bias is not None:
            return False
        same = x.dtype == self.lora_A[names[0]].weight.dtype
        return same or torch.is_autocast_enabled(x.device.type)
